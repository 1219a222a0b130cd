"""States of files and variables that were read. If a state differs, the run may differ."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ABSENT = "absent"
RELATIVE = "content from the working folder"
"""Of a file that was opened by a relative path: in another working folder that is another file."""
_BLOCK = 1 << 20
_HEADER_OF_BYTECODE = 16
"""Bytes before the code: a number of the interpreter, and time and size of the source."""
_LARGEST_SETTINGS = 1 << 20
"""Bytes of the largest file that is read as settings."""


def absolute(path: str | os.PathLike[str]) -> str:
    """Return the absolute path without ``..``, from its text alone.

    `pathlib` has nothing like it: `Path.absolute` keeps ``..``, and `Path.resolve` asks the disk, which is heard.
    """
    return os.path.abspath(path)  # noqa: PTH100 - for the reason above


def file_digest(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def text_digest(text: str) -> str:
    """Compute the SHA-256 of a string: values of variables may be secrets."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def code_digest(path: Path) -> str:
    """Hash Python code without its comments, its docstrings and its layout; what is no Python, byte by byte."""
    stat = path.stat()
    return _code_digest_at(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _code_digest_at(path: Path, size: int, modified: int) -> str:
    """Parse a file once while its size and time stay (they only serve to notice a change)."""
    del size, modified
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
        for node in ast.walk(tree):
            _drop_docstring(node)
        return text_digest(ast.dump(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return hashlib.sha256(content).hexdigest()


def _drop_docstring(node: ast.AST) -> None:
    match node:
        case (
            ast.Module(body=[ast.Expr(ast.Constant(str())), *rest])
            | ast.ClassDef(body=[ast.Expr(ast.Constant(str())), *rest])
            | ast.FunctionDef(body=[ast.Expr(ast.Constant(str())), *rest])
            | ast.AsyncFunctionDef(body=[ast.Expr(ast.Constant(str())), *rest])
        ):
            node.body = rest


def state_of(kind: str, path: str) -> str:
    """Return the state of a path, of one of `KINDS`; ``absent`` where there is none that can be read."""
    try:
        return KINDS[kind](Path(path))
    except OSError:
        return ABSENT


def _content(path: Path) -> str:
    """Hash a file; settings without comments and the order of their keys, bytecode without the time of its source."""
    if path.suffix == ".pyc":
        return hashlib.sha256(path.read_bytes()[_HEADER_OF_BYTECODE:]).hexdigest()
    parse = _SETTINGS.get(path.suffix.lower())
    if parse is not None and path.stat().st_size <= _LARGEST_SETTINGS:
        try:
            return text_digest(json.dumps(parse(path.read_text(encoding="utf-8")), sort_keys=True, default=repr))
        except (ValueError, TypeError, RecursionError, yaml.YAMLError):
            pass  # as any other file
    return file_digest(path)


def _names(path: Path) -> str:
    return text_digest("\n".join(sorted(entry.name for entry in path.iterdir() if not _is_of_a_tool(entry.name))))


def _is_of_a_tool(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _kind(path: Path) -> str:
    return "folder" if path.is_dir() else "file" if path.exists() else ABSENT


def _size(path: Path) -> str:
    return str(path.stat().st_size)


_SETTINGS: Mapping[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
}
KINDS: Mapping[str, Callable[[Path], str]] = {
    "content": _content,
    RELATIVE: _content,
    "code": code_digest,
    "names": _names,
    "kind": _kind,
    "size": _size,
}
"""What may be asked of a path: what a file holds, the names in a folder, whether it is there and as what, how long."""
