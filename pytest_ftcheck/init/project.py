"""The Python files of a project, as syntax trees: nothing of the project is imported."""

from __future__ import annotations

import ast
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

_SKIPPED = frozenset(
    {"build", "dist", "env", "node_modules", "site-packages", "test", "tests", "venv", "__pycache__", "__pypackages__"}
)
FACTORY_FILE = "ftcheck_factory.py"
"""The file that holds a factory which fills in a configuration; it is written here, and never searched."""


@dataclass(frozen=True)
class Source:
    """A file of Python."""

    path: Path
    """Relative to the root folder."""
    text: str
    """Without a byte order mark, and with LF as the end of lines."""
    tree: ast.Module


@dataclass(frozen=True)
class Project:
    """All that was read in a root folder."""

    root: Path
    sources: tuple[Source, ...]
    notebooks: tuple[Path, ...]
    """Relative paths of ``.ipynb`` files that name a Trainer."""
    unreadable: tuple[Path, ...]
    """Relative paths of ``.py`` files that are not Python, or not UTF-8."""


def read_project(root: Path) -> Project:
    """Read the Python files below a folder.

    Tests, hidden folders, virtual environments, and what builds and package managers write are left out.
    """
    sources, notebooks, unreadable = [], [], []
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not _is_skipped(here / name))
        for path in (here / name for name in sorted(names) if name != FACTORY_FILE):
            if path.suffix == ".py":
                source = read_source(root, path.relative_to(root))
                if source is None:
                    unreadable.append(path.relative_to(root))
                else:
                    sources.append(source)
            elif path.suffix == ".ipynb" and "Trainer(" in path.read_text(encoding="utf-8", errors="replace"):
                notebooks.append(path.relative_to(root))
    return Project(root, tuple(sources), tuple(notebooks), tuple(unreadable))


def _is_skipped(folder: Path) -> bool:
    name = folder.name
    return name.startswith(".") or name in _SKIPPED or name.endswith(".egg-info") or (folder / "pyvenv.cfg").exists()


def read_source(root: Path, path: Path) -> Source | None:
    """Read one file; None where it is not Python, or not UTF-8."""
    try:
        text = (root / path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        return Source(path, text, parsed(text))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def parsed(text: str) -> ast.Module:
    """Parse a text without Python's warnings about it, such as an invalid escape in a string.

    Raises:
        SyntaxError: it is not Python.

    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)
