"""What a run depends on that lies in none of its parts: files, folders, modules, variables of the environment."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.pipeline.reads.code_places import is_library_file, is_test_file
from pytest_ftcheck.pipeline.reads.environment import counts, joined
from pytest_ftcheck.pipeline.reads.heard import heard_by, unheard
from pytest_ftcheck.pipeline.reads.opened_files import opened_below
from pytest_ftcheck.pipeline.reads.states import ABSENT, RELATIVE, absolute, state_of, text_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OF_THE_MACHINE = ("/proc/", "/sys/", "/dev/")


class Inputs:
    """What was read; what is not recorded stays empty.

    Attributes:
        root: of the project. Outside of it only files count that were opened: not whether they are there, for one.
        paths: state by absolute path, by what was asked of it; see `states.KINDS`.
        variables: digest of the value by name; None where the variable was not set. Without a name: the names of all.
        unknown: why not all that was read is known, in words.

    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths: dict[str, dict[str, str]] = {}
        self.variables: dict[str, str | None] = {}
        self.unknown: dict[str, None] = {}
        self._noted: set[tuple[str, str]] = set()
        self._searches: dict[str, tuple[str, ...]] = {}

    @contextmanager
    def recorded(self, *without: Path) -> Iterator[None]:
        """Record what is read meanwhile, by the whole process.

        Args:
            without: folders that the run itself writes into.

        """
        _hub_cache()  # imports
        try:
            with opened_below(self.root, self._note_opened, self._give_up), heard_by(self):
                yield
        finally:
            self._find_states([absolute(folder) for folder in without])

    def note_path(self, kind: str, path: str) -> None:
        """Note that a file, a folder or what is known of it was asked for."""
        if kind == RELATIVE:
            if self._counts("content", absolute(path)) and not path.endswith(".py"):
                self._noted.add((kind, path))
        elif self._counts(kind, path):
            self._noted.add((_code_or(kind, path), path))

    def note_variable(self, name: str, value: str | None) -> None:
        """Note that a variable was looked at; its first value counts."""
        if name not in self.variables and (counts(name) or not name):
            self.variables[name] = None if value is None else text_digest(value)

    def note_search(self, module: str, folders: Sequence[str]) -> None:
        """Note that a module was looked for: one that is there tomorrow would be found first."""
        inside = tuple(absolute(folder) for folder in folders)
        inside = tuple(folder for folder in inside if self._is_inside(folder) and not is_library_file(folder))
        if inside:
            self._searches.setdefault(module, inside)

    def note_process(self, what: str, caller: str) -> None:
        """Note that a file of the project starts a process: nothing tells what that one reads."""
        self._give_up(f"{os.path.relpath(caller, self.root)} starts a process, {what}")

    def _note_opened(self, path: str) -> None:
        self.note_path("content", path)

    def _give_up(self, why: str) -> None:
        self.unknown[why] = None

    def _is_inside(self, path: str) -> bool:
        return path == str(self.root) or path.startswith(f"{self.root}{os.sep}")

    def _counts(self, kind: str, path: str) -> bool:
        """Whether a path may be an input: none of a library, of the system, of a tool, or of the Hub's cache."""
        if path.startswith((*_OF_THE_MACHINE, _hub_cache() + os.sep)) or is_library_file(path):
            return False
        if path.endswith(".py") and is_test_file(path):  # which of them are read changes with every command line
            return False
        if self._is_inside(path):
            places = Path(path).relative_to(self.root).parts
            return kind == "content" or not any(place.startswith(".") or place == "__pycache__" for place in places)
        return kind == "content"

    def _find_states(self, without: list[str]) -> None:
        for module, folders in self._searches.items():
            self._noted.update(("kind", place) for place in _places_before(module, folders))
        inside = tuple(f"{folder}{os.sep}" for folder in without)
        for kind, path in sorted(self._noted):
            place = absolute(path)
            if path in self.paths.get(kind, ()) or place in without or place.startswith(inside):
                continue
            with unheard():
                state = state_of(kind, path)
            if state != ABSENT or self._is_inside(place):  # elsewhere: a file of the moment, that is gone
                self.paths.setdefault(kind, {})[path] = state
        self._noted.clear()
        self._searches.clear()


def changed_inputs(paths: Mapping[str, Mapping[str, str]], variables: Mapping[str, str | None]) -> list[str]:
    """Name the paths and variables that are no longer what was recorded.

    Raises:
        KeyError: the record has a kind that is not known.

    """
    changed = {
        absolute(path): None
        for kind, states in paths.items()
        for path, state in states.items()
        if state_of(kind, path) != state
    }
    return [*changed, *(_worded(name) for name, digest in variables.items() if _variable(name) != digest)]


def _variable(name: str) -> str | None:
    value = os.environ.get(name) if name else joined(os.environ)
    return None if value is None else text_digest(value)


def _worded(name: str) -> str:
    return f"the environment variable {name}" if name else "the set of environment variables"


def _code_or(kind: str, path: str) -> str:
    return "code" if kind == "content" and path.endswith(".py") else kind


def _places_before(module: str, folders: Sequence[str]) -> Iterator[str]:
    """Paths at which a module would be found before the place where it is; nothing where a library has it."""
    found: Any = getattr(sys.modules.get(module), "__file__", None)
    if module in sys.modules and (found is None or is_library_file(found)):
        return
    for folder in folders:
        stem = Path(folder) / module.rpartition(".")[2]
        for place in (f"{stem}{os.sep}__init__.py", f"{stem}.py"):
            if place == found:
                return
            yield place


@cache
def _hub_cache() -> str:
    """Folder of the Hugging Face libraries: what they cache there is part of models and rows."""
    from huggingface_hub.constants import HF_HOME  # noqa: PLC0415 - only where something is recorded

    return absolute(HF_HOME)
