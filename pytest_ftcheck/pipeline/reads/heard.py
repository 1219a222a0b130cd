"""Records what Python reads: files, folders, modules that it searches, and processes that it starts."""

from __future__ import annotations

import functools
import genericpath
import importlib.util
import os
import pathlib
import shutil
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from pytest_ftcheck.pipeline.reads.code_places import calling_project_file
from pytest_ftcheck.pipeline.reads.environment import watched_environment
from pytest_ftcheck.pipeline.reads.states import RELATIVE, absolute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PROCESSES = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.startfile", "pty.spawn"})
_NO_QUESTIONS = ("<frozen importlib", str(pathlib.Path(importlib.__file__).parent), shutil.__file__)
"""Code that looks for modules, which is heard of by itself, or removes folders."""
_MAKES_FOLDERS = ("<frozen os>", os.__file__)
_WRITES = os.O_WRONLY | os.O_TRUNC


class Listener(Protocol):
    """Gets a call for each read."""

    def note_path(self, kind: str, path: str) -> None:
        """Record a read of an absolute path, of one of the kinds of `states`."""

    def note_variable(self, name: str, value: str | None) -> None:
        """Note that a variable was looked at; without a name, the names of all."""

    def note_search(self, module: str, folders: Sequence[str]) -> None:
        """Note that a module was looked for in folders."""

    def note_process(self, what: str, caller: str) -> None:
        """Note that a file of the project starts a process."""


_listeners: list[Listener] = []
"""Those that are told, in this process; empty where nothing is recorded."""


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Report all reads of this process to a listener inside this context."""
    _install()
    if _listeners:
        _listeners.append(listener)
        try:
            yield
        finally:
            _listeners.remove(listener)
        return
    sys.meta_path.insert(0, _Searches)
    _listeners.append(listener)
    try:
        with watched_environment(lambda name, value: _report("note_variable", name, value)):
            yield
    finally:
        _listeners.remove(listener)
        sys.meta_path.remove(_Searches)


@contextmanager
def unheard() -> Iterator[None]:
    """Report no reads inside this context."""
    kept = _listeners.copy()
    _listeners.clear()
    try:
        yield
    finally:
        _listeners[:] = kept


class _OfThread(threading.local):
    """What this thread does; another one is heard meanwhile."""

    reporting = False


_thread = _OfThread()


def _report(method: str, *args: Any) -> None:
    if _thread.reporting:  # what a listener reads to find out whether a path counts is not read by the run
        return
    _thread.reporting = True
    try:
        for listener in tuple(_listeners):
            getattr(listener, method)(*args)
    finally:
        _thread.reporting = False


def _report_path(kind: str, path: Any) -> None:
    with suppress(TypeError, ValueError, UnicodeError):
        _report("note_path", kind, absolute(os.fsdecode(path)))


class _Searches:
    """An import finder that finds no module, and records every search."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """Note the search, and leave it to the others."""
        del target
        _report("note_search", name, list(sys.path if path is None else path))


@functools.cache
def _install() -> None:
    """Hear of events and of questions about paths: once, for the life of the process, as a hook cannot be removed."""
    sys.addaudithook(_heard)
    for name, kind in _QUESTIONS.items():
        replaced = _reported(getattr(os.path, name), kind)
        for module in (genericpath, os.path):  # each has the function of the other
            setattr(module, name, replaced)
    pathlib.Path.stat = _reported(pathlib.Path.stat, "kind")  # type: ignore[method-assign]  # replaced on purpose: `Path.exists` and its like call it


_QUESTIONS = {"exists": "kind", "isfile": "kind", "isdir": "kind", "getsize": "size"}
"""Functions of `os.path`: the system tells of no such question by itself."""


def _reported(function: Callable[..., Any], kind: str) -> Any:
    @functools.wraps(function)
    def reported(path: Any, *args: Any, **keywords: Any) -> Any:
        # `os.makedirs` asks only to make what is not there.
        if _listeners and sys._getframe(1).f_code.co_filename not in _MAKES_FOLDERS:  # noqa: SLF001 - inspect reads files
            _report_path(kind, path)
        return function(path, *args, **keywords)

    return reported


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if not _listeners:
        return
    if event in ("open", "os.listdir", "os.scandir"):
        if sys._getframe(1).f_code.co_filename.startswith(_NO_QUESTIONS):  # noqa: SLF001 - as above
            return
        if event == "open":
            _opened(*args)
        else:
            _report_path("names", "." if args[0] is None else args[0])
    elif event in _PROCESSES:
        caller = calling_project_file()
        if caller is not None:
            _report("note_process", f"{event}({args[0]!r})", caller)


def _opened(path: Any, mode: Any, flags: Any) -> None:
    del mode
    if isinstance(path, int) or path is None or (isinstance(flags, int) and flags & _WRITES):
        return
    name = os.fsdecode(path) if isinstance(path, (str, bytes)) else path
    if isinstance(name, str) and name.endswith(".pyc"):
        with suppress(ValueError, NotImplementedError):  # lies in no __pycache__: it has no source
            name = importlib.util.source_from_cache(name)
    _report_path("content", name)
    if isinstance(name, str) and not os.path.isabs(name):  # noqa: PTH117 - asked at every open, without a Path for it
        _report("note_path", RELATIVE, name)
