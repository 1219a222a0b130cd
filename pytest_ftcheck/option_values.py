"""The value of one option, as the command line or ``[tool.ftcheck]`` gives it, becomes that of a `Settings` field."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pytest_ftcheck.errors import unknown
from pytest_ftcheck.settings import DTYPES, ENGINES, TIERS, UPDATES


def _words(value: object) -> tuple[str, ...]:
    """Split comma lists, flatten repeated options, drop repetitions."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    words = [word.strip() for part in parts for word in str(part).split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


def _tasks(value: object) -> tuple[str, ...]:
    words = _words(value)
    if not words:
        msg = "expected the name of a task, for example mrpc; --ftcheck-list shows them."
        raise ValueError(msg)
    return words


def _checks(value: object) -> tuple[str, ...]:
    words = _words(value)
    if not words:
        msg = "expected families or ids, for example data,collator.mask,-training; --ftcheck-list-checks shows them."
        raise ValueError(msg)
    return words


def _choice(kind: str, known: tuple[str, ...]) -> Any:
    def parse(value: object) -> str:
        if value not in known:
            raise ValueError(unknown(kind, str(value), known))
        return str(value)

    return parse


def _engines(value: object) -> tuple[str, ...]:
    words = _words(value)
    for word in words:
        if word not in (*ENGINES, "both"):
            raise ValueError(unknown("engine", word, [*ENGINES, "both"]))
    if not words:
        msg = f"expected at least one engine: {', '.join(ENGINES)} or both."
        raise ValueError(msg)
    return ENGINES if "both" in words else words


_LAST_SEED = 2**32 - 1
"""NumPy takes none above."""
_FEWEST_SEEDS = 3
"""From two, a limit would lie 39 spreads away."""


def _seeds(value: object) -> tuple[int, ...]:
    seeds: list[int] = []
    for word in _words(value):
        first, dash, last = word.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= _LAST_SEED):
            msg = f"expected numbers and ranges such as 0, 0-4 or 1,3, none above {_LAST_SEED}, not {word!r}."
            raise ValueError(msg)
        seeds.extend(range(int(first), int(last) + 1))
    if not seeds:
        msg = "expected at least one seed, for example 0 or 0-4."
        raise ValueError(msg)
    return tuple(dict.fromkeys(seeds))


def _positive(value: object) -> int:
    number = int(str(value)) if str(value).isdecimal() else 0
    if number < 1:
        msg = "expected a whole number of at least 1."
        raise ValueError(msg)
    return number


def _calibrated_seeds(value: object) -> int:
    number = int(str(value)) if str(value).isdecimal() else 0
    if number < _FEWEST_SEEDS:
        msg = f"expected a number of seeds to train, at least {_FEWEST_SEEDS}, better 10."
        raise ValueError(msg)
    return number


def _positives(value: object) -> tuple[int, ...]:
    numbers = tuple(dict.fromkeys(_positive(word) for word in _words(value)))
    if not numbers:
        msg = "expected at least one whole number, for example 8,32,128."
        raise ValueError(msg)
    return numbers


def _dtypes(value: object) -> tuple[str, ...]:
    words = _words(value)
    for word in words:
        if word not in DTYPES:
            raise ValueError(unknown("dtype", word, DTYPES))
    if not words:
        msg = f"expected at least one of {', '.join(DTYPES)}."
        raise ValueError(msg)
    return words


def _pairs(value: object) -> tuple[str, ...]:
    pairs = value if isinstance(value, (list, tuple)) else [value]
    return tuple(dict.fromkeys(_text(pair) for pair in pairs))


def _share(value: object) -> float:
    try:
        share = float(str(value))
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        msg = "expected a share between 0 and 1, for example 0.05."
        raise ValueError(msg)
    return share


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "expected true or false."
        raise ValueError(msg)  # noqa: TRY004 - every parser raises ValueError; the caller says which option
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        msg = "expected a text that is not empty."
        raise ValueError(msg)
    return value


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value))


PARSERS: dict[str, Any] = {
    "tasks": _tasks,
    "trainer": _text,
    "no_train": _flag,
    "checks": _checks,
    "faults": _words,
    "tier": _choice("tier", TIERS),
    "engines": _engines,
    "model": _text,
    "data": _text,
    "seeds": _seeds,
    "update_baseline": _choice("update", UPDATES),
    "reason": _text,
    "require_baseline": _flag,
    "calibrate": _calibrated_seeds,
    "calibrate_runs": _positive,
    "write_floors": _flag,
    "strict": _flag,
    "bench": _flag,
    "bench_batch_sizes": _positives,
    "bench_dtypes": _dtypes,
    "bench_seq_len": _positive,
    "bench_compile": _flag,
    "bench_shape": _text,
    "bench_compare": _pairs,
    "bench_tolerance": _share,
    "device": _text,
    "require_device": _text,
    "dtype": _choice("dtype", DTYPES),
    "fast_cpu": _flag,
    "threads": _positive,
    "max_train_rows": _positive,
    "max_eval_rows": _positive,
    "online": _flag,
    "reuse": _flag,
    "store": _path,
    "json": _path,
}
"""By the name of the field. Each raises ValueError with what it expected; the caller says of which option."""
