"""Parses the value of ``--ftcheck-bench-compare``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError, unknown
from pytest_ftcheck.paths import as_path, kind_of
from pytest_ftcheck.settings import DTYPES, ENGINES

if TYPE_CHECKING:
    from pytest_ftcheck.speed.case import StepCase

_TWO = 2
_FIELDS = {"engine": "engine", "dtype": "dtype", "batch": "batch_size", "compile": "compiled"}
_EXAMPLES = "engine=manual,trainer, dtype=float32,bfloat16, batch=8,32, compile=no,yes or checkout=../main"
_ANSWERS = {"no": False, "yes": True}


@dataclass(frozen=True)
class Pair:
    """Two variants of a step."""

    spec: str
    field: str | None
    """Field of `StepCase` that differs; None where two checkouts are compared."""
    values: tuple[Any, Any]
    """Values of that field, or the folders of the checkouts."""

    @property
    def names(self) -> tuple[str, str]:
        """Names of the two variants."""
        key, _, words = self.spec.partition("=")
        if self.field is None:
            return str(self.values[0]), str(self.values[1])
        first, second = words.split(",")
        return f"{key} {first.strip()}", f"{key} {second.strip()}"

    def cases(self, base: StepCase) -> tuple[StepCase, StepCase]:
        """Return both cases: the base with the compared field replaced."""
        if self.field is None:
            return base, base
        first, second = self.values
        return replace(base, **{self.field: first}), replace(base, **{self.field: second})


def parse_pair(spec: str) -> Pair:
    """Parse a pair such as ``dtype=float32,bfloat16``; the second must not be slower than the first.

    Raises:
        SettingsError: unknown key or value, or not two values.

    """
    key, _, text = spec.partition("=")
    words = [word.strip() for word in text.split(",") if word.strip()]
    if key == "checkout":
        return Pair(spec, None, _folders(spec, words))
    if key not in _FIELDS:
        raise SettingsError(f"--ftcheck-bench-compare={spec}: " + unknown("key", key, [*_FIELDS, "checkout"]))
    if len(words) != _TWO:
        msg = f"--ftcheck-bench-compare={spec}: expected two values, for example {_EXAMPLES}."
        raise SettingsError(msg)
    return Pair(spec, _FIELDS[key], (_value(spec, key, words[0]), _value(spec, key, words[1])))


def _value(spec: str, key: str, word: str) -> Any:
    if key == "batch":
        if not word.isdecimal() or int(word) < 1:
            msg = f"--ftcheck-bench-compare={spec}: {word!r} is not a batch size: expected an integer of at least 1."
            raise SettingsError(msg)
        return int(word)
    known = {"engine": ENGINES, "dtype": DTYPES, "compile": tuple(_ANSWERS)}[key]
    if word not in known:
        raise SettingsError(f"--ftcheck-bench-compare={spec}: " + unknown(key, word, known))
    return _ANSWERS.get(word, word)


def _folders(spec: str, words: list[str]) -> tuple[Path, Path]:
    """Return two folders; with one folder, the second is the current folder, which must not be slower."""
    folders = [as_path(word).resolve() for word in words]
    if len(folders) == 1:
        folders.append(Path.cwd())
    if len(folders) != _TWO or not all(kind_of(folder) == "folder" for folder in folders):
        msg = f"--ftcheck-bench-compare={spec}: expected the folder of another checkout, for example checkout=../main."
        raise SettingsError(msg)
    return folders[0], folders[1]
