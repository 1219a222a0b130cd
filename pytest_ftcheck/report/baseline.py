"""The report on the baseline: values before and after, rows whose prediction changed, accepted runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.gates.records import MetricChange  # noqa: TC001 - the fields of records are read at run time
from pytest_ftcheck.report.rows import Labelled, RowNames
from pytest_ftcheck.report.summary import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from datasets import Dataset

    from pytest_ftcheck.gates.flips import Flip
    from pytest_ftcheck.pipeline.parts import Pipeline

_SHOWN = 5
_TEXT = 60
"""Maximum length of a text in the terminal, in characters."""


@dataclass(frozen=True, kw_only=True)
class FlipRecord:
    """A row whose prediction differs between the run and the accepted run."""

    row: int
    """Index in the evaluation data set."""
    id: Any
    """Value of the data's id column; the index where the data has no such column."""
    text: list[str]
    """One text for each text column."""
    label: Labelled
    """The label of the row."""
    before: Labelled
    """Prediction of the accepted run."""
    after: Labelled
    """Prediction of this run."""
    worse: float
    """Decrease of the label's probability, -1 to 1; increase of the loss for heads without classes."""
    entities: dict[str, list[str]] | None = None
    """Entities that the run lost, found, and so on, by the kind of change; null where tokens have no tags."""


@dataclass(frozen=True, kw_only=True)
class ComparisonRecord:
    """A run, and the accepted run that it was compared with."""

    key: str
    """Baseline key of the run."""
    accepted_key: str
    """Key of the accepted entry."""
    task: str
    """Task of the run."""
    engine: str
    """Engine of the run."""
    seed: int
    """Seed of the run."""
    accepted_seed: int
    """Seed of the accepted run: the same seed, or the first accepted one."""
    accepted: str
    """Date of the acceptance."""
    why: str
    """The reason that the user gave for the acceptance."""
    differences: list[str]
    """What has changed since the acceptance."""
    not_comparable: str
    """Why the two runs cannot be compared; empty where they can."""
    metrics: dict[str, MetricChange] = field(default_factory=dict)
    """Metrics of the card, by key; empty where the two runs cannot be compared."""
    flips: list[FlipRecord] = field(default_factory=list)
    """Rows whose prediction changed, the worst first."""


@dataclass(frozen=True, kw_only=True)
class AcceptedRecord:
    """An entry of the baseline that an update wrote."""

    key: str
    """Key of the entry."""
    new: bool
    """True if the entry replaces no other one."""
    seeds: list[int]
    """The accepted seeds."""


@dataclass(frozen=True, kw_only=True)
class BaselineRecord:
    """Results of a session that concern accepted runs, see [gates](gates.md)."""

    comparisons: list[ComparisonRecord]
    """One for each run."""
    accepted: list[AcceptedRecord]
    """Entries that an update wrote."""
    refused: list[str]
    """Why an update wrote nothing."""
    unmatched: list[str]
    """Keys of entries that match no run of this session."""


@dataclass(frozen=True, kw_only=True)
class NoBaseline:
    """Nothing was compared or accepted."""


def flip_records(flips: Sequence[Flip], pipeline: Pipeline, rows: Dataset) -> list[FlipRecord]:
    """Describe the rows whose prediction changed, for the terminal and the JSON document.

    Args:
        flips: result of `flipped_rows`, the worst first.
        pipeline: gives the names of classes and text columns.
        rows: the evaluation data set.

    """
    names = RowNames(pipeline, rows)
    return [
        FlipRecord(
            row=flip.row,
            id=names.id(flip.row, raw),
            text=names.texts(raw),
            label=names.label(flip.label),
            before=names.prediction(flip.before),
            after=names.prediction(flip.after),
            worse=flip.worse,
            entities=names.entities(raw, flip.label, flip.before, flip.after) if names.has_tags else None,
        )
        for flip, raw in zip(flips, names.raw([flip.row for flip in flips]), strict=True)
    ]


def comparison_lines(notes: Iterable[ComparisonRecord]) -> list[str]:
    """Describe for each run the accepted run, the change of metrics, and the rows that got worse."""
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
            lines.append("  no metric has a max_drop: no drop fails. --ftcheck-calibrate proposes a max_drop")
        lines += _flip_lines(note)
    return lines


def _flip_lines(note: ComparisonRecord) -> list[str]:
    """Show the worst rows of a run with a metric that fell; otherwise only count the rows."""
    flips = note.flips
    if not flips:
        return []
    if flips[0].entities is not None:
        changes = [flip.entities or {} for flip in flips]
        counts = ", ".join(f"{sum(len(change[kind]) for change in changes)} {kind}" for kind in changes[0])
        return _worst_lines(note, f"other entities in {len(flips)} rows: {counts}")
    lost = sum(flip.before == flip.label for flip in flips)
    gained = sum(flip.after == flip.label for flip in flips)
    classes = isinstance(flips[0].label, str)
    counts = (
        f"{len(flips)} rows flipped: {lost} were right, {gained} are right now"
        if classes
        else (f"{len(flips)} rows are further from their label")
    )
    return _worst_lines(note, counts)


def _worst_lines(note: ComparisonRecord, counts: str) -> list[str]:
    flips = note.flips
    # Written so that a NaN counts as worse.
    if all(value.worse <= 0 for value in note.metrics.values()):
        return [f"  {counts}"]
    return [f"  {counts}; the worst:", *(f"    {_flip_line(flip)}" for flip in flips[:_SHOWN])]


def _flip_line(flip: FlipRecord) -> str:
    texts = " | ".join(_short(text) for text in flip.text)
    if flip.entities is not None:
        changes = "; ".join(f"{kind} {', '.join(found)}" for kind, found in flip.entities.items() if found)
        return f"row {flip.id}: {changes or 'the same entities, other tags'}  {texts}"
    return f"row {flip.id}: {value_text(flip.label)}: {value_text(flip.before)} → {value_text(flip.after)}  {texts}"


def value_text(value: Labelled) -> str:
    """Return a label or a prediction in words."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…")


def update_lines(written: Sequence[AcceptedRecord], folder: str) -> list[str]:
    """Name the accepted entries."""
    return [
        f"accepted {'(new)' if entry.new else '(replaced)'}: {entry.key}, "
        f"seed {', '.join(map(str, entry.seeds))}, in {folder}"
        for entry in written
    ]


def unmatched_lines(keys: Iterable[str], folder: str) -> list[str]:
    """Name the entries that match no run of this session."""
    return [
        f"{key} in {folder} matches no run of this session: its recipe, checkpoint or data has changed. Remove the "
        "entry, or restore the recipe, checkpoint and data."
        for key in keys
    ]
