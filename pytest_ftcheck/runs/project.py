"""The code that makes a run: that of the project, without comments, and the versions of all that is installed."""

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
"""Packages of ours that shape a run."""


@lru_cache(maxsize=1)
def own_code_digest() -> str:
    """Hash the modules of this package that shape a run."""
    package = Path(__file__).resolve().parent.parent
    files = sorted(file for folder in _CODE for file in (package / folder).rglob("*.py"))
    return _digest(file.read_text(encoding="utf-8") for file in files)


def project_code_digest(root: Path) -> str:
    """Hash the modules of the project that are loaded, test modules aside, and name all installed distributions.

    Args:
        root: of the project.

    """
    code = project_modules(root)
    return _digest([*(f"{place} {digest}" for place, digest in sorted(code.items())), _installed()])


def project_modules(root: Path) -> dict[str, str]:
    """Return the digest of each loaded module that belongs to no library, by its place in the project.

    Modules of tests are left out: which of them are loaded changes with every command line. What they patch or hand to
    a run is described where it is found.

    Args:
        root: of the project; modules outside of it are told by their whole path.

    """
    files = {file for module in list(sys.modules.values()) if (file := _file_of(module))}
    kept = sorted(file for file in files if file.endswith(".py") and not is_test_file(file) and is_project_file(file))
    return {_place(file, root): code_digest(Path(file)) for file in kept}


def changed_modules(recorded: dict[str, str], root: Path) -> list[str]:
    """Name recorded modules of the project whose code is another one now."""
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
    """Name all installed distributions with their versions; those installed from a folder also by their files."""
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
