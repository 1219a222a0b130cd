"""Proposed limits as TOML: printed, or written into the user's file, with its comments and order preserved."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.files import what_to_do, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pytest_ftcheck.gates.calibration import Proposal
    from pytest_ftcheck.gates.proposals import CardProposal
    from pytest_ftcheck.tasks.floors import MetricLimits

_DIGITS = 6
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class CardLimits:
    """Proposed limits, and their place in the configuration file."""

    task: str
    tier: str
    checkpoint: str
    proposals: Sequence[CardProposal]
    slices: Mapping[str, Mapping[str, MetricLimits]] = field(default_factory=dict)
    """The card's limits of slices, by metric and slice. The innermost table replaces all others, so that limits of
    slices without a proposal must be written there, too."""

    @property
    def place(self) -> tuple[str, ...]:
        """Keys of their table, below ``[tool.ftcheck]``."""
        return "tasks", self.task, "floors", self.tier, self.checkpoint

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """The table of each metric in a card, without refused limits."""
        tables = {entry.metric: _table(entry) for entry in self.proposals}
        return {metric: table for metric, table in tables.items() if table}


def _table(entry: CardProposal) -> dict[str, Any]:
    limit = entry.limit
    kind = "min" if limit.greater_is_better else "max"
    slices = {
        part.name: {kind: part.limit.limit, "calibrated": _calibrated(part.limit, part.rows)}
        for part in entry.slices
        if part.limit.limit is not None
    }
    all_rows = {kind: limit.limit, "max_drop": entry.max_drop, "calibrated": _calibrated(limit, entry.rows)}
    return {**(all_rows if limit.limit is not None else {}), **({"slices": slices} if slices else {})}


def _calibrated(limit: Proposal, rows: int) -> dict[str, Any]:
    seeds, session = limit.calibrated, limit.session
    return {
        "mean": round(seeds.mean, _DIGITS),
        "spread": round(seeds.std, _DIGITS),
        "seeds": seeds.seeds,
        "rows": rows,
        **({"failed": seeds.failed} if seeds.failed else {}),
        **({"runs": session.runs} if session.runs > 1 else {}),
        "false_alarms": session.false_alarms,
    }


def _as_toml(limits: MetricLimits) -> Any:
    """Return the card's limit of a slice in its TOML form."""
    if limits.calibrated is None:
        return {"max": limits.max} if limits.min is None else limits.min
    seeds = {name: value for name, value in asdict(limits.calibrated).items() if value is not None}
    return {"max" if limits.min is None else "min": limits.limit, "calibrated": seeds}


def floors_path(rootdir: Path) -> Path:
    """Return the file that holds the user's settings: ``ftcheck.toml``, or else ``pyproject.toml``.

    A project without both files gets an ``ftcheck.toml``.
    """
    paths = [rootdir / name for name in ("ftcheck.toml", "pyproject.toml")]
    return next((path for path in paths if path.is_file()), paths[0])


def floors_toml(limits: Iterable[CardLimits], path: Path) -> str:
    """Render limits in the form of a file with this name."""
    return "\n".join(_with_limits("", entry, _prefix({}, path)).strip() + "\n" for entry in limits if entry.tables)


def write_floors(path: Path, limits: Iterable[CardLimits]) -> None:
    """Write limits into a user's file; everything else in the file stays unchanged.

    Raises:
        SettingsError: the file is not TOML, its form is not supported, or it cannot be written.

    """
    try:
        there = path.read_bytes().decode("utf-8") if path.exists() else ""
        mark = _BYTE_ORDER_MARK if there.startswith(_BYTE_ORDER_MARK) else ""
        before = there.removeprefix(mark).replace("\r\n", "\n")
        prefix = _prefix(tomllib.loads(before), path)
        text = before
        for entry in limits:
            text = _with_limits(text, entry, prefix)
        write_whole(path, (mark + _with_newlines_of(there.removeprefix(mark), text)).encode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        todo = what_to_do(error, "Copy them from above")
        msg = f"{path}: the limits cannot be written, and the file stays unchanged: {error}. {todo}."
        raise SettingsError(msg) from error


def _with_newlines_of(before: str, text: str) -> str:
    """Restore the line ends of the old content in a string with LF; new lines get the most frequent line end."""
    lines, new = before.splitlines(keepends=True), text.splitlines(keepends=True)
    crlf = sum(line.endswith("\r\n") for line in lines)
    if not crlf:
        return text
    usual = "\r\n" if 2 * crlf >= len(lines) else "\n"
    same = SequenceMatcher(
        None, [line.rstrip("\r\n") for line in lines], [line.rstrip("\n") for line in new], autojunk=False
    )
    ends = [usual] * len(new)
    for block in same.get_matching_blocks():
        for offset in range(block.size):
            ends[block.b + offset] = "\r\n" if lines[block.a + offset].endswith("\r\n") else "\n"
    return "".join(
        line.rstrip("\n") + (end if line.endswith("\n") else "") for line, end in zip(new, ends, strict=True)
    )


def _prefix(document: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Return the keys above ``tasks``: optional in an ftcheck.toml."""
    own = path.name == "ftcheck.toml" and "ftcheck" not in document.get("tool", {})
    return () if own else ("tool", "ftcheck")


def _with_limits(text: str, limits: CardLimits, prefix: tuple[str, ...]) -> str:
    """Return the TOML text with the limits added."""
    keys = (*prefix, *limits.place)
    try:
        document = tomlkit.parse(text)
        table: Any = document
        for depth, key in enumerate(keys):
            if key not in table:
                table[key] = _new_table(table, last=depth == len(keys) - 1)
            table = table[key]
        _add(table, limits, _item)
        written = tomlkit.dumps(document)
        whole = tomllib.loads(written) == _expected(text, keys, limits)
    except (TOMLKitError, TypeError, AttributeError, ValueError, NotImplementedError) as error:
        raise _refusal(keys, str(error)) from error
    if not whole:
        raise _refusal(keys, "the order of its tables is not supported")
    return written


def _new_table(parent: Any, *, last: bool) -> Any:
    return tomlkit.inline_table() if isinstance(parent, InlineTable) else tomlkit.table(is_super_table=not last)


def _add(table: Any, limits: CardLimits, item: Callable[[Any], Any]) -> None:
    """Set the limits of all metrics in the table of a checkpoint, a table of tomlkit or a dict."""
    for metric, values in limits.tables.items():
        there = table.get(metric)
        stand = there.get("slices", {}) if isinstance(there, Mapping) else {}
        kept = {name: _as_toml(each) for name, each in limits.slices.get(metric, {}).items() if name not in stand}
        slices = kept | values.get("slices", {})
        _merge(table, {metric: {**values, **({"slices": slices} if slices else {})}}, item)


def _merge(table: Any, values: Mapping[str, Any], item: Callable[[Any], Any]) -> None:
    """Set values in a table and in its existing subtables; other keys and comments stay.

    The statistics of an earlier calibration are replaced, and a relative drop becomes one in the metric's unit.
    """
    for key, value in values.items():
        below = table.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and key != "calibrated":
            _merge(below, value, item)
        else:
            table[key] = item(value)
    if "max_drop" in values:
        table.pop("relative", None)


def _item(value: Any) -> Any:
    return tomlkit.value(_inline(value)) if isinstance(value, dict) else value


def _inline(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return f"{{ {', '.join(f'{tomlkit.key(key).as_string()} = {_inline(each)}' for key, each in value.items())} }}"


def _expected(text: str, keys: Iterable[str], limits: CardLimits) -> dict[str, Any]:
    """Return the expected content of the file after the change."""
    document = copy.deepcopy(tomllib.loads(text))
    table = document
    for key in keys:
        table = table.setdefault(key, {})
    _add(table, limits, copy.deepcopy)
    return document


def _refusal(keys: Iterable[str], why: str) -> SettingsError:
    where = ".".join(keys)
    return SettingsError(f"[{where}]: the limits cannot be added to the file: {why}. Copy them from above.")
