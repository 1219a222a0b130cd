"""What a user's code reads while it makes and trains a model: files, and variables of the environment."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import deque
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.pipeline.code_places import is_library_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BLOCK = 1 << 20
_CODE = (".py", ".pyc", ".so", ".pyd")
"""Endings of modules: those are told by the code of the project, without comments."""
_OF_THE_MACHINE = ("/proc/", "/sys/", "/dev/")
_OF_THE_PROCESS = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "SHLVL", "TERM", "COLUMNS", "LINES", "PWD", "OLDPWD", "HOSTNAME"}
    | {"TMPDIR", "TEMP", "TMP", "LANG", "TZ", "_"}
)
"""Variables that say who runs the process and where, not what it computes."""

_recording: list[Inputs] = []
"""Those that are told of every read, in this process; empty where nothing is recorded."""
_hooked = False


class Inputs:
    """Files and variables that were read; what is not recorded stays empty.

    Attributes:
        files: digest of the content by absolute path.
        variables: digest of the value by name; None where the variable was not set.

    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.variables: dict[str, str | None] = {}
        self._opened: set[str] = set()

    @contextmanager
    def recorded(self, *without: Path) -> Iterator[None]:
        """Record what is read meanwhile, by the whole process.

        Args:
            without: folders that the run itself writes into.

        """
        _install_hook()
        _hub_cache()  # imports
        _recording.append(self)
        try:
            with _watched_environment():
                yield
        finally:
            _recording.remove(self)
            self._digest_opened([os.path.abspath(folder) for folder in without])  # noqa: PTH100 - as in `_heard`

    def note_file(self, path: str) -> None:
        """Note that a file was opened for reading."""
        self._opened.add(path)

    def note_variable(self, name: str, value: str | None) -> None:
        """Note that a variable was looked at; its first value counts."""
        if name not in self.variables and name not in _OF_THE_PROCESS and not name.startswith("PYTEST_"):
            self.variables[name] = None if value is None else text_digest(value)

    def _digest_opened(self, without: list[str]) -> None:
        for path in sorted(self._opened - self.files.keys()):
            if not path.startswith(tuple(f"{folder}{os.sep}" for folder in without)):
                digest = file_digest_or_none(path)
                if digest is not None:  # a file of the moment is gone
                    self.files[path] = digest
        self._opened.clear()


def changed_inputs(files: Mapping[str, str], variables: Mapping[str, str | None]) -> list[str]:
    """Name the files and variables that are no longer what was recorded."""
    changed = [path for path, digest in files.items() if file_digest_or_none(path) != digest]
    for name, digest in variables.items():
        value = os.environ.get(name)
        if (None if value is None else text_digest(value)) != digest:
            changed.append(f"the environment variable {name}")
    return changed


def file_digest(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def file_digest_or_none(path: str) -> str | None:
    """Compute the SHA-256 of a file; None where there is none that can be read."""
    try:
        return file_digest(Path(path)) if Path(path).is_file() else None
    except OSError:
        return None


def text_digest(text: str) -> str:
    """Compute the SHA-256 of a string: values of variables may be secrets."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _install_hook() -> None:
    """Hear of every file that Python opens; a hook stays for the life of the process, so it is installed once."""
    global _hooked  # noqa: PLW0603 - as the hook, it is one for the process
    if not _hooked:
        sys.addaudithook(_heard)
        _hooked = True


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _recording:
        return
    path, _, flags = args
    if isinstance(path, int) or path is None or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_TRUNC)):
        return
    with suppress(TypeError, ValueError, UnicodeError):
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - pathlib opens nothing here, but it is slower
        if _counts(name):
            for inputs in tuple(_recording):
                inputs.note_file(name)


def _counts(path: str) -> bool:
    """Whether a file may be an input: no code, no file of a library, of the system or of the Hub's cache."""
    if path.endswith(_CODE) or path.startswith(_OF_THE_MACHINE) or is_library_file(path):
        return False
    return not path.startswith(_hub_cache() + os.sep)


@cache
def _hub_cache() -> str:
    """Folder of the Hugging Face libraries: what they cache there is part of models and rows."""
    from huggingface_hub.constants import HF_HOME  # noqa: PLC0415 - only where something is recorded

    return os.path.abspath(HF_HOME)  # noqa: PTH100 - as above


@contextmanager
def _watched_environment() -> Iterator[None]:
    """Hear of every variable that Python looks up; copies of the whole environment tell of none."""
    kind: Any = type(os.environ)
    if getattr(kind.__getitem__, "__module__", "") == __name__:  # within itself
        yield
        return
    look_up, iterate = kind.__getitem__, kind.__iter__
    copied: deque[Any] = deque()
    """Names that were iterated over: a copy looks them up next, in this order."""

    def looked_up(environment: Any, name: Any) -> Any:
        try:
            value = look_up(environment, name)
        except KeyError:
            _tell(name, None)
            raise
        if copied and copied[0] == name:
            copied.popleft()
        else:
            copied.clear()
            _tell(name, value)
        return value

    def iterated(environment: Any) -> Iterator[Any]:
        copied.clear()
        for name in iterate(environment):
            copied.append(name)
            yield name

    kind.__getitem__, kind.__iter__ = looked_up, iterated
    try:
        yield
    finally:
        kind.__getitem__, kind.__iter__ = look_up, iterate


def _tell(name: Any, value: str | None) -> None:
    for inputs in tuple(_recording):
        if isinstance(name, str):
            inputs.note_variable(name, value)
