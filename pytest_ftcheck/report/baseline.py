"""What a session says of the baseline: values before and after, the rows that flipped, what was accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_ftcheck.gates.records import MetricChange  # noqa: TC001 - the fields of records are read at run time
from pytest_ftcheck.report.summary import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from datasets import Dataset

    from pytest_ftcheck.gates.paired import Flip
    from pytest_ftcheck.pipeline.parts import Pipeline

_SHOWN = 5
_TEXT = 60
"""Characters of a text in the terminal."""
_ID_COLUMNS = ("idx", "id", "guid", "uid")

Labelled: TypeAlias = str | int | float | list[Any]
"""The name of a class; a prediction that is none, the value of a regression; of several labels a row, a list."""


@dataclass(frozen=True, kw_only=True)
class FlipRecord:
    """A row that the run and the accepted one judge differently."""

    row: int
    """Index in the evaluation data set."""
    id: Any
    """What the data calls it; the index where the data has no column of ids."""
    text: list[str]
    """By text column."""
    label: Labelled
    """What the row is labelled."""
    before: Labelled
    """What the accepted run predicted."""
    after: Labelled
    """What this run predicted."""
    worse: float
    """How much probability its label lost, -1 to 1; for other heads than of classes, how much the loss grew."""


@dataclass(frozen=True, kw_only=True)
class ComparisonRecord:
    """A run, and the accepted one that it was compared with."""

    key: str
    """Of the run."""
    accepted_key: str
    """Of the entry that was accepted."""
    task: str
    """Of the run."""
    engine: str
    """Of the run."""
    seed: int
    """Of the run."""
    accepted_seed: int
    """Of the accepted run: the same, or the first accepted one."""
    accepted: str
    """The day on which it was."""
    why: str
    """The reason that was given for it."""
    differences: list[str]
    """What has changed since."""
    not_comparable: str
    """Why both cannot be compared; empty where they can."""
    metrics: dict[str, MetricChange] = field(default_factory=dict)
    """By key, those of the card; empty where both cannot be compared."""
    flips: list[FlipRecord] = field(default_factory=list)
    """The worst first."""


@dataclass(frozen=True, kw_only=True)
class AcceptedRecord:
    """An entry of the baseline that an update wrote."""

    key: str
    """Of the entry."""
    new: bool
    """It replaces none."""
    seeds: list[int]
    """That were accepted."""


@dataclass(frozen=True, kw_only=True)
class BaselineRecord:
    """What a session says of accepted runs, see [gates](gates.md)."""

    comparisons: list[ComparisonRecord]
    """One for each run."""
    accepted: list[AcceptedRecord]
    """What an update wrote."""
    refused: list[str]
    """Why it wrote nothing."""
    unmatched: list[str]
    """Keys of entries that nothing ran of."""


@dataclass(frozen=True, kw_only=True)
class NoBaseline:
    """Nothing was compared or accepted."""


def flip_records(flips: Sequence[Flip], pipeline: Pipeline, rows: Dataset) -> list[FlipRecord]:
    """Name the rows that flipped, for the terminal and the JSON document.

    Args:
        flips: of `flipped_rows`, the worst first.
        pipeline: names classes and text columns.
        rows: that were evaluated.

    """
    columns = [name for name in pipeline.card.text_columns if name in rows.column_names]
    id_column = next((name for name in _ID_COLUMNS if name in rows.column_names), None)
    names = pipeline.card.label_names
    table = rows.with_format(None).select([flip.row for flip in flips], keep_in_memory=True)
    return [
        FlipRecord(
            row=flip.row,
            id=flip.row if id_column is None else raw[id_column],
            text=[str(raw[column]) for column in columns],
            label=_named(flip.label, names),
            before=_named(flip.before, names),
            after=_named(flip.after, names),
            worse=flip.worse,
        )
        for flip, raw in zip(flips, table, strict=True)
    ]


def _named(value: Any, names: Sequence[str]) -> Any:
    """Name a class; a prediction that is none, the value of a regression, and several labels stay as they are."""
    if isinstance(value, list):
        return value
    return names[int(value)] if 0 <= value < len(names) else value


def comparison_lines(notes: Iterable[ComparisonRecord]) -> list[str]:
    """Say what each run was compared with, what came out, and which rows got worse."""
    lines = []
    for note in notes:
        values = ", ".join(
            f"{name} {number(value.before)} → {number(value.after)}" for name, value in note.metrics.items()
        )
        if note.not_comparable:
            values = f"NOT COMPARABLE: {note.not_comparable.removeprefix('not comparable: ')}"
        lines.append(f"{note.key}, seed {note.seed}: {values}")
        seed = "" if note.accepted_seed == note.seed else f", seed {note.accepted_seed}"
        why = f": {note.why}" if note.why else ""
        other = "" if note.accepted_key == note.key else f" as {note.accepted_key}"
        lines.append(f"  accepted on {note.accepted}{other}{seed}{why}")
        if note.differences:
            lines.append(f"  changed since: {', '.join(note.differences)}")
        if note.metrics and not any(value.gated for value in note.metrics.values()):
            lines.append("  no metric has a max_drop: no drop turns red. --ftcheck-calibrate proposes one")
        lines += _flip_lines(note)
    return lines


def _flip_lines(note: ComparisonRecord) -> list[str]:
    """Show the worst rows of a run whose metric fell; otherwise count them."""
    flips = note.flips
    if not flips:
        return []
    lost = sum(flip.before == flip.label for flip in flips)
    gained = sum(flip.after == flip.label for flip in flips)
    classes = isinstance(flips[0].label, str)
    counts = (
        f"{len(flips)} rows flipped: {lost} were right, {gained} are right now"
        if classes
        else (f"{len(flips)} rows are further from their label")
    )
    # Written so that a NaN counts as worse.
    if all(value.worse <= 0 for value in note.metrics.values()):
        return [f"  {counts}"]
    return [f"  {counts}; the worst:", *(f"    {_flip_line(flip)}" for flip in flips[:_SHOWN])]


def _flip_line(flip: FlipRecord) -> str:
    texts = " | ".join(_short(text) for text in flip.text)
    return f"row {flip.id}: {_value(flip.label)}: {_value(flip.before)} → {_value(flip.after)}  {texts}"


def _value(value: Labelled) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…")


def update_lines(written: Sequence[AcceptedRecord], folder: str) -> list[str]:
    """Say what was accepted."""
    return [
        f"accepted {'(new)' if entry.new else '(replaced)'}: {entry.key}, "
        f"seed {', '.join(map(str, entry.seeds))}, in {folder}"
        for entry in written
    ]


def unmatched_lines(keys: Iterable[str], folder: str) -> list[str]:
    """Name entries that no run of this session is one of."""
    return [
        f"{key} in {folder} matches nothing that ran: its recipe, checkpoint or data is another now. Remove the entry, "
        "or restore what it was made of."
        for key in keys
    ]
