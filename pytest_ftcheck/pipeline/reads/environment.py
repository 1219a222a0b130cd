"""Records the environment variables that Python looks up."""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.pipeline.reads.code_places import calling_project_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_OF_THE_PROCESS = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "SHLVL", "TERM", "COLUMNS", "LINES", "PWD", "OLDPWD", "HOSTNAME"}
    | {"TMPDIR", "TEMP", "TMP", "LANG", "TZ", "_"}
)
"""Variables that say who runs the process and where, not what it computes."""


def counts(name: str) -> bool:
    """Whether a variable may change what is computed."""
    return name not in _OF_THE_PROCESS and not name.startswith("PYTEST_")


@contextmanager
def watched_environment(note: Callable[[str, str | None], None]) -> Iterator[None]:
    """Report every variable that is looked up; report all if the project's own code copies the environment.

    A copy by a library is not reported: it passes the environment to a process.

    Args:
        note: is given a name, and the value; None where the variable is not set.

    """
    kind: Any = type(os.environ)
    look_up, iterate = kind.__getitem__, kind.__iter__
    copied: deque[Any] = deque()
    """Names that were iterated over: a copy looks them up next, in this order."""

    def looked_up(environment: Any, name: Any) -> Any:
        try:
            value = look_up(environment, name)
        except KeyError:
            _note(note, name, None)
            raise
        if copied and copied[0] == name:
            copied.popleft()
        else:
            copied.clear()
            _note(note, name, value)
        return value

    def iterated(environment: Any) -> Iterator[Any]:
        copied.clear()
        names = list(iterate(environment))
        if calling_project_file() is not None:
            for name in names:
                _note(note, name, look_up(environment, name))
            note("", joined(names))
        for name in names:
            copied.append(name)
            yield name

    kind.__getitem__, kind.__iter__ = looked_up, iterated
    try:
        yield
    finally:
        kind.__getitem__, kind.__iter__ = look_up, iterate


def joined(names: Iterable[str | bytes]) -> str:
    """Return the names of variables that a copy of the environment has, as one text."""
    return " ".join(sorted(filter(counts, map(os.fsdecode, names))))


def _note(note: Callable[[str, str | None], None], name: Any, value: Any) -> None:
    if isinstance(name, (str, bytes)):
        note(os.fsdecode(name), None if value is None else os.fsdecode(value))
