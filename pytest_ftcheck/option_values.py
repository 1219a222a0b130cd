"""Parses the value of one option from the command line or ``[tool.ftcheck]`` for a `Settings` field."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pytest_ftcheck.errors import unknown
from pytest_ftcheck.extensions import extensions
from pytest_ftcheck.paths import as_path
from pytest_ftcheck.settings import DEVICES, DTYPES, ENGINES, SHAPES, TIERS, UPDATES


def _words(value: object, example: str) -> tuple[str, ...]:
    """Split comma lists, flatten repeated options, remove duplicates.

    Raises:
        ValueError: a word is empty.

    """
    parts = value if isinstance(value, (list, tuple)) else [value]
    words = [word.strip() for part in parts for word in str(part).split(",")]
    if not words or not all(words):
        msg = f"expected {example}, without empty entries between commas."
        raise ValueError(msg)
    return tuple(dict.fromkeys(words))


def _names(example: str) -> Any:
    return lambda value: _words(value, example)


def _chosen(kind: str, known: tuple[str, ...]) -> Any:
    """Return a parser for one or more known words."""

    def parse(value: object) -> tuple[str, ...]:
        words = _words(value, f"one or more of {', '.join(known)}")
        for word in words:
            if word not in known:
                raise ValueError(unknown(kind, word, known))
        return words

    return parse


def _choice(kind: str, known: tuple[str, ...], todo: str = "") -> Any:
    def parse(value: object) -> str:
        if value not in known:
            raise ValueError(unknown(kind, str(value), known, todo))
        return str(value)

    return parse


def _engines(value: object) -> tuple[str, ...]:
    words = _words(value, f"one or more of {', '.join((*ENGINES, 'both'))}")
    # Search the entry points of other packages only for an unknown word, because that is slow.
    known = (*ENGINES, "both") if {*words} <= {*ENGINES, "both"} else (*ENGINES, "both", *extensions("engines"))
    for word in words:
        if word not in known:
            raise ValueError(unknown("engine", word, known))
    return ENGINES if "both" in words else words


_LAST_SEED = 2**32 - 1
"""Largest seed of NumPy."""
_MOST_SEEDS = 10_000
_FEWEST_SEEDS = 3
"""With two seeds, a limit would be 39 spreads from the mean."""
_MOST_ROWS = 2**31 - 1
_MOST_THREADS = 1024
_MOST_TOKENS = 2**20
_MOST_SECONDS = 31 * 24 * 60 * 60


def _seeds(value: object) -> tuple[int, ...]:
    seeds: list[int] = []
    for word in _words(value, "at least one seed, for example 0 or 0-4"):
        first, dash, last = word.partition("-")
        last = last if dash else first
        if not (_is_number(first) and _is_number(last) and int(first) <= int(last) <= _LAST_SEED):
            msg = f"expected numbers and ranges such as 0, 0-4 or 1,3, none above {_LAST_SEED}, not {word!r}."
            raise ValueError(msg)
        if int(last) - int(first) >= _MOST_SEEDS:
            msg = f"{word} are {int(last) - int(first) + 1} seeds, and each is trained: at most {_MOST_SEEDS}."
            raise ValueError(msg)
        seeds.extend(range(int(first), int(last) + 1))
    return tuple(dict.fromkeys(seeds))


def _is_number(text: str) -> bool:
    """Whether a string has only the digits 0 to 9; other Unicode digits are probably a mistake."""
    return text.isascii() and text.isdecimal()


def _whole(most: int, *, least: int = 1, todo: str = "") -> Any:
    """Return a parser for an integer; a number that is too large is probably a mistake, and would hang."""

    def parse(value: object) -> int:
        number = int(str(value)) if _is_number(str(value)) else 0
        if not least <= number <= most:
            msg = f"expected an integer from {least} to {most}{todo}."
            raise ValueError(msg)
        return number

    return parse


def _positives(value: object) -> tuple[int, ...]:
    return tuple(dict.fromkeys(map(_whole(_MOST_ROWS), _words(value, "integers, for example 8,32,128"))))


def _pairs(value: object) -> tuple[str, ...]:
    pairs = value if isinstance(value, (list, tuple)) else [value]
    return tuple(dict.fromkeys(_text(pair) for pair in pairs))


def _share(value: object) -> float:
    try:
        share = float(str(value))
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        msg = "expected a fraction between 0 and 1, for example 0.05."
        raise ValueError(msg)
    return share


def _seconds(value: object) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _MOST_SECONDS:
        msg = "expected a number of seconds above 0, for example 600, at most a month."
        raise ValueError(msg)
    return seconds


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "expected true or false."
        raise ValueError(msg)  # noqa: TRY004 - every parser raises ValueError; the caller says which option
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        msg = "expected a string that is not empty."
        raise ValueError(msg)
    return value


def split_spec(value: object) -> tuple[str, str]:
    """Split ``package.module:factory`` or ``path/to/train.py:factory`` into its two parts.

    Raises:
        ValueError: the value has another form.

    """
    where, _, name = str(value).rpartition(":")
    if not where.strip() or not all(part.isidentifier() for part in name.split(".")):
        msg = (
            "expected package.module:factory or path/to/train.py:factory, with the name of a function after the colon."
        )
        raise ValueError(msg)
    return where, name


def _spec(value: object) -> str:
    split_spec(value)
    return str(value)


def _path(value: object) -> Path:
    path = as_path(value if isinstance(value, Path) else _text(value))
    if str(path).startswith("~"):
        msg = f"there is no home folder {path.parts[0]}. Give a path."
        raise ValueError(msg)
    return path


_DEVICE = "CUDA_VISIBLE_DEVICES chooses among several GPUs."
PARSERS: dict[str, Any] = {
    "tasks": _names("names of tasks, for example mrpc; --ftcheck-list shows them"),
    "trainer": _spec,
    "no_train": _flag,
    "checks": _names("families or ids, for example data,collator.mask,-training; --ftcheck-list-checks shows them"),
    "faults": _names("names of faults or families, for example zero_grad_missing,serving, or all"),
    "tier": _choice("tier", TIERS),
    "engines": _engines,
    "model": _text,
    "data": _text,
    "seeds": _seeds,
    "update_baseline": _choice("update", UPDATES),
    "reason": _text,
    "require_baseline": _flag,
    "calibrate": _whole(_MOST_SEEDS, least=_FEWEST_SEEDS, todo=" of seeds to train, better 10"),
    "calibrate_runs": _whole(_MOST_SEEDS),
    "write_floors": _flag,
    "strict": _flag,
    "bench": _flag,
    "bench_batch_sizes": _positives,
    "bench_dtypes": _chosen("dtype", DTYPES),
    "bench_seq_len": _whole(_MOST_TOKENS),
    "bench_compile": _flag,
    "bench_shape": _choice("shape", SHAPES),
    "bench_compare": _pairs,
    "bench_tolerance": _share,
    "device": _choice("device", DEVICES, _DEVICE),
    "require_device": _choice("device", DEVICES, _DEVICE),
    "dtype": _choice("dtype", DTYPES),
    "fast_cpu": _flag,
    "timeout": _seconds,
    "threads": _whole(_MOST_THREADS),
    "max_train_rows": _whole(_MOST_ROWS),
    "max_eval_rows": _whole(_MOST_ROWS),
    "online": _flag,
    "reuse": _flag,
    "store": _path,
    "json": _path,
    "html": _path,
}
"""Parsers by `Settings` field. Each raises ValueError with the expected value; the caller adds the option."""
