"""Proposed limits as TOML: printed, or written into the user's file, whose comments and order stay."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.gates.baseline_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_ftcheck.gates.proposals import CardProposal

_DIGITS = 6


@dataclass(frozen=True)
class CardLimits:
    """Where proposed limits belong."""

    task: str
    tier: str
    checkpoint: str
    proposals: Sequence[CardProposal]

    @property
    def place(self) -> tuple[str, ...]:
        """Keys of their table, below ``[tool.ftcheck]``."""
        return "tasks", self.task, "floors", self.tier, self.checkpoint

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """What a card says of each metric; without those whose limit was refused."""
        return {entry.metric: _table(entry) for entry in self.proposals if entry.limit.limit is not None}


def _table(entry: CardProposal) -> dict[str, Any]:
    seeds = entry.limit.calibrated
    return {
        "min" if entry.limit.greater_is_better else "max": entry.limit.limit,
        "max_drop": entry.max_drop,
        "calibrated": {
            "mean": round(seeds.mean, _DIGITS),
            "spread": round(seeds.std, _DIGITS),
            "seeds": seeds.seeds,
            "rows": entry.rows,
            **({"failed": seeds.failed} if seeds.failed else {}),
            "false_alarms": entry.limit.session.false_alarms,
        },
    }


def floors_path(rootdir: Path) -> Path:
    """Return the file that holds the user's settings: ``ftcheck.toml``, or else ``pyproject.toml``.

    A project that has neither gets an ``ftcheck.toml``.
    """
    paths = [rootdir / name for name in ("ftcheck.toml", "pyproject.toml")]
    return next((path for path in paths if path.is_file()), paths[0])


def floors_toml(limits: Iterable[CardLimits], path: Path) -> str:
    """Render limits as they would stand in a file of that name."""
    return "\n".join(_with_limits("", entry, _prefix({}, path)).strip() + "\n" for entry in limits if entry.tables)


def write_floors(path: Path, limits: Iterable[CardLimits]) -> None:
    """Write limits into a user's file; everything else in it stays as it is.

    Raises:
        SettingsError: the file is not TOML, is written in a way that we cannot add to, or cannot be written.

    """
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        prefix = _prefix(tomllib.loads(before), path)
        text = before
        for entry in limits:
            text = _with_limits(text, entry, prefix)
        write_whole(path, text.encode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path}: the limits cannot be written, and the file stays as it was: {error}. Copy them from above."
        raise SettingsError(msg) from error


def _prefix(document: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Return the keys above ``tasks``: an ftcheck.toml needs none, but may have them."""
    own = path.name == "ftcheck.toml" and "ftcheck" not in document.get("tool", {})
    return () if own else ("tool", "ftcheck")


def _with_limits(text: str, limits: CardLimits, prefix: tuple[str, ...]) -> str:
    """Return a text of TOML with the limits in it."""
    keys = (*prefix, *limits.place)
    try:
        document = tomlkit.parse(text)
        table: Any = document
        for depth, key in enumerate(keys):
            if key not in table:
                table[key] = _new_table(table, last=depth == len(keys) - 1)
            table = table[key]
        for metric, values in limits.tables.items():
            _put(table, metric, values)
        written = tomlkit.dumps(document)
        whole = tomllib.loads(written) == _expected(text, keys, limits)
    except (TOMLKitError, TypeError, AttributeError, ValueError) as error:
        raise _refusal(keys, str(error)) from error
    if not whole:
        raise _refusal(keys, "its tables are written in an order that we cannot add to")
    return written


def _new_table(parent: Any, *, last: bool) -> Any:
    return tomlkit.inline_table() if isinstance(parent, InlineTable) else tomlkit.table(is_super_table=not last)


def _put(table: Any, metric: str, values: Mapping[str, Any]) -> None:
    """Set the limits of a metric; of a table that is there, slices and comments stay."""
    if not isinstance(table.get(metric), Mapping):
        table[metric] = tomlkit.value(_inline(values))
        return
    for key, value in values.items():
        table[metric][key] = tomlkit.value(_inline(value)) if isinstance(value, dict) else value
    table[metric].pop("relative", None)


def _inline(values: Mapping[str, Any]) -> str:
    entries = (f"{key} = {_inline(value) if isinstance(value, dict) else value}" for key, value in values.items())
    return f"{{ {', '.join(entries)} }}"


def _expected(text: str, keys: Iterable[str], limits: CardLimits) -> dict[str, Any]:
    """Return what the file must hold afterwards."""
    document = copy.deepcopy(tomllib.loads(text))
    table = document
    for key in keys:
        table = table.setdefault(key, {})
    for metric, values in limits.tables.items():
        there = table.get(metric)
        kept = {key: value for key, value in there.items() if key != "relative"} if isinstance(there, dict) else {}
        table[metric] = kept | values
    return document


def _refusal(keys: Iterable[str], why: str) -> SettingsError:
    where = ".".join(keys)
    return SettingsError(f"[{where}]: the limits cannot be added to the file: {why}. Copy them from above.")
