"""What a session says of the baseline: values before and after, the rows that flipped, what was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.heads.traits import LABEL_SETS
from pytest_ftcheck.report.summary import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datasets import Dataset

    from pytest_ftcheck.gates.paired import Flip
    from pytest_ftcheck.pipeline.parts import Pipeline

_SHOWN = 5
_TEXT = 60
"""Characters of a text in the terminal."""
_IS_LABEL = 0.5
"""Share of votes above which a row has a label."""
_ID_COLUMNS = ("idx", "id", "guid", "uid")


def flip_records(flips: Sequence[Flip], pipeline: Pipeline, rows: Dataset) -> list[dict[str, Any]]:
    """Put the rows that flipped into plain values, for the terminal and the JSON document.

    Args:
        flips: of `flipped_rows`, the worst first.
        pipeline: names classes and text columns.
        rows: that were evaluated.

    """
    columns = [name for name in pipeline.card.text_columns if name in rows.column_names]
    id_column = next((name for name in _ID_COLUMNS if name in rows.column_names), None)
    names, sets = pipeline.card.label_names, LABEL_SETS in pipeline.card.head_rules.traits
    table = rows.with_format(None).select([flip.row for flip in flips], keep_in_memory=True)
    return [
        {
            "row": flip.row,
            "id": flip.row if id_column is None else raw[id_column],
            "text": [str(raw[column]) for column in columns],
            **{key: _named(getattr(flip, key), names, sets=sets) for key in ("label", "before", "after")},
            "worse": flip.worse,
        }
        for flip, raw in zip(flips, table, strict=True)
    ]


def _named(value: Any, names: Sequence[str], *, sets: bool) -> Any:
    """Name a class, or the labels of a set; a prediction that is none, and what else a head has, stays as it is."""
    if isinstance(value, list):
        return [name for name, share in zip(names, value, strict=True) if share > _IS_LABEL] if sets else value
    return names[int(value)] if 0 <= value < len(names) else value


def comparison_lines(notes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say what each run was compared with, what came out, and which rows got worse."""
    lines = []
    for note in notes:
        values = ", ".join(
            f"{name} {number(value['before'])} → {number(value['after'])}" for name, value in note["metrics"].items()
        )
        if note["not_comparable"]:
            values = f"NOT COMPARABLE: {note['not_comparable'].removeprefix('not comparable: ')}"
        lines.append(f"{note['key']}, seed {note['seed']}: {values}")
        seed = "" if note["accepted_seed"] == note["seed"] else f", seed {note['accepted_seed']}"
        why = f": {note['why']}" if note["why"] else ""
        other = "" if note["accepted_key"] == note["key"] else f" as {note['accepted_key']}"
        lines.append(f"  accepted on {note['accepted']}{other}{seed}{why}")
        if note["differences"]:
            lines.append(f"  changed since: {', '.join(note['differences'])}")
        if note["metrics"] and not any(value["gated"] for value in note["metrics"].values()):
            lines.append("  no metric has a max_drop: no drop turns red. --ftcheck-calibrate proposes one")
        lines += _flip_lines(note)
    return lines


def _flip_lines(note: Mapping[str, Any]) -> list[str]:
    """Show the worst rows of a run whose metric fell; otherwise count them."""
    flips = note["flips"]
    if not flips:
        return []
    lost = sum(flip["before"] == flip["label"] for flip in flips)
    gained = sum(flip["after"] == flip["label"] for flip in flips)
    classes = isinstance(flips[0]["label"], str)
    counts = (
        f"{len(flips)} rows flipped: {lost} were right, {gained} are right now"
        if classes
        else (f"{len(flips)} rows are further from their label")
    )
    # Written so that a NaN counts as worse.
    if all(value["worse"] <= 0 for value in note["metrics"].values()):
        return [f"  {counts}"]
    return [f"  {counts}; the worst:", *(f"    {_flip_line(flip)}" for flip in flips[:_SHOWN])]


def _flip_line(flip: Mapping[str, Any]) -> str:
    texts = " | ".join(_short(text) for text in flip["text"])
    return f"row {flip['id']}: {_value(flip['label'])}: {_value(flip['before'])} → {_value(flip['after'])}  {texts}"


def _value(value: str | float | list[Any]) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…")


def update_lines(written: Sequence[Mapping[str, Any]], folder: str) -> list[str]:
    """Say what was accepted."""
    return [
        f"accepted {'(new)' if entry['new'] else '(replaced)'}: {entry['key']}, "
        f"seed {', '.join(map(str, entry['seeds']))}, in {folder}"
        for entry in written
    ]


def unmatched_lines(keys: Iterable[str], folder: str) -> list[str]:
    """Name entries that no run of this session is one of."""
    return [
        f"{key} in {folder} matches nothing that ran: its recipe, checkpoint or data is another now. Remove the entry, "
        "or restore what it was made of."
        for key in keys
    ]
