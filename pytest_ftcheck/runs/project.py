"""The code that makes a run: the project's code without comments, and the versions of installed distributions."""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ftcheck.pipeline.reads.code_places import is_project_file, is_test_file
from pytest_ftcheck.pipeline.reads.states import code_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

_CODE = ("heads", "tasks", "pipeline", "training", "runs")
"""Subpackages of this package that affect a run."""


@lru_cache(maxsize=1)
def own_code_digest() -> str:
    """Hash the modules of this package that affect a run."""
    package = Path(__file__).resolve().parent.parent
    files = sorted(file for folder in _CODE for file in (package / folder).rglob("*.py"))
    return _digest(file.read_text(encoding="utf-8") for file in files)


def project_code_digest(root: Path) -> str:
    """Hash the loaded modules of the project without test modules, and all names and versions of distributions.

    Args:
        root: root folder of the project.

    """
    code = project_modules(root)
    return _digest([*(f"{place} {digest}" for place, digest in sorted(code.items())), _installed()])


def project_modules(root: Path) -> dict[str, str]:
    """Return the digest of each loaded module that belongs to no library, by its path in the project.

    Test modules are left out, because different command lines load different ones. Their patches, and the objects that
    they pass to a run, are described elsewhere in the key.

    Args:
        root: root folder of the project; modules outside of it are named by their absolute path.

    """
    files = {file for module in list(sys.modules.values()) if (file := _file_of(module))}
    kept = sorted(file for file in files if file.endswith(".py") and not is_test_file(file) and is_project_file(file))
    return {_place(file, root): code_digest(Path(file)) for file in kept}


def changed_modules(recorded: dict[str, str], root: Path) -> list[str]:
    """Return the recorded modules of the project whose code has changed."""
    return [place for place, digest in recorded.items() if _code_digest_or_none(root / place) != digest]


def _code_digest_or_none(path: Path) -> str | None:
    try:
        return code_digest(path)
    except OSError:
        return None


def _file_of(module: object) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def _place(file: str, root: Path) -> str:
    path = Path(file)
    return str(path.relative_to(root)) if root in path.parents else file


def _installed() -> str:
    """Return installed distributions with versions; with a digest of their files if installed from a folder."""
    found = set()
    for entry in distributions():
        local = "file://" in (entry.read_text("direct_url.json") or "")
        files = _digest([entry.read_text("RECORD") or ""]) if local else ""
        found.add(f"{entry.metadata['Name']} {entry.version} {files}")
    return "\n".join(sorted(found))


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
    return digest.hexdigest()
