"""Tables of rows of the data: those whose prediction changed since the accepted run, and those with the highest loss.

All texts of the data are untrusted. The templates escape them; here they are cut, so that the page stays small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.printable import printable
from pytest_ftcheck.report.summary import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ftcheck.report.baseline import ComparisonRecord, FlipRecord
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.figures.records import RunFigures, WorstRecord

_MOST_CHARACTERS = 400
"""Of one text, after control characters are escaped."""
_BUDGET = 320_000
"""Characters of all rows of a page."""
_MARKUP = 220
"""Characters of a row beside its texts."""


@dataclass(frozen=True)
class DataRow:
    """A row of the data."""

    id: str
    text: tuple[str, ...]
    cells: tuple[str, ...]
    """What the other columns of its table hold."""
    figure: str
    """The number by which the table is sorted."""


@dataclass(frozen=True)
class DataTable:
    """A table of rows."""

    key: str
    """Unique name on the page, of letters, digits and hyphens."""
    caption: str
    columns: tuple[str, ...]
    figure: str
    """Heading of the number."""
    rows: tuple[DataRow, ...]
    total: int
    """Number of rows, shown or not."""


def data_tables(document: Document, task: str, key: str) -> list[DataTable]:
    """Return the tables of a task, with ``key`` in their names; each has an equal part of the page's budget."""
    compared = [note for note in getattr(document.baseline, "comparisons", ()) if note.flips]
    with_worst = [figures for figures in document.figures if figures.worst]
    budget = _BUDGET // max(len(compared) + len(with_worst), 1)
    notes = [note for note in compared if note.task == task]
    figures = [entry for entry in with_worst if entry.task == task]
    return [
        *(_flipped(note, f"{key}-flipped-{place}", budget) for place, note in enumerate(notes)),
        *(_worst(entry, f"{key}-worst-{place}", budget) for place, entry in enumerate(figures)),
    ]


def _flipped(note: ComparisonRecord, key: str, budget: int) -> DataTable:
    return DataTable(
        key=key,
        caption=f"Changed predictions, {note.engine}, seed {note.seed}: against the run accepted on {note.accepted}",
        columns=("label", "accepted run", "this run"),
        figure="worse by",
        rows=_within(map(_flipped_row, note.flips), budget),
        total=len(note.flips),
    )


def _flipped_row(flip: FlipRecord) -> DataRow:
    if flip.entities is None:
        cells = (_named(flip.label), _named(flip.before), _named(flip.after))
    else:
        changes = flip.entities
        cells = ("", _listed(changes, ("lost", "mended")), _listed(changes, ("found", "wrong")))
    return DataRow(_short(str(flip.id)), _cut(flip.text), cells, number(flip.worse, signed=True))


def _worst(figures: RunFigures, key: str, budget: int) -> DataTable:
    return DataTable(
        key=key,
        caption=f"Rows with the highest loss, {figures.engine}, seed {figures.seed}",
        columns=("label", "prediction") if figures.worst[0].entities is None else ("missed", "wrong"),
        figure="loss",
        rows=_within(map(_worst_row, figures.worst), budget),
        total=len(figures.worst),
    )


def _worst_row(row: WorstRecord) -> DataRow:
    if row.entities is None:
        cells = (_named(row.label), _named(row.prediction))
    else:
        cells = (_listed(row.entities, ("lost",)), _listed(row.entities, ("wrong",)))
    return DataRow(_short(str(row.id)), _cut(row.text), cells, number(row.loss))


def _listed(entities: dict[str, list[str]], kinds: Iterable[str]) -> str:
    return _short("; ".join(f"{kind} {', '.join(entities[kind])}" for kind in kinds if entities.get(kind)))


def _named(value: Any) -> str:
    if isinstance(value, list):
        return _short(", ".join(map(str, value))) or "none"
    return f"{value:.4g}" if isinstance(value, float) else _short(str(value))


def _cut(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_short, texts))


def _short(text: str) -> str:
    """Make control characters visible, and cut what is too long."""
    shown = printable(text[: _MOST_CHARACTERS + 1])
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}…"


def _within(rows: Iterable[DataRow], budget: int) -> tuple[DataRow, ...]:
    """Return the first rows, as many as the budget of characters allows."""
    kept: list[DataRow] = []
    for row in rows:
        # A character that HTML escapes takes up to 5 bytes, another one up to 4.
        budget -= _MARKUP + sum(_bytes(text) for text in (row.id, *row.text, *row.cells))
        if budget < 0:
            break
        kept.append(row)
    return tuple(kept)


def _bytes(text: str) -> int:
    return len(text.encode()) + 4 * sum(map(text.count, "<>&\"'"))
