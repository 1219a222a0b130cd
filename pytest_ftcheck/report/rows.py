"""Names what a row of the evaluation data is: its id, its texts, its label and predictions in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_ftcheck.heads.answers import read_answers
from pytest_ftcheck.heads.entities import entity_changes
from pytest_ftcheck.heads.traits import LABEL_PER_TOKEN, LABEL_SETS
from pytest_ftcheck.pipeline.trainer_texts import language_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset

    from pytest_ftcheck.pipeline.parts import Pipeline

_IS_LABEL = 0.5
"""Share of votes above which a row has a label."""
_ID_COLUMNS = ("idx", "id", "guid", "uid")

Labelled: TypeAlias = str | int | float | list[Any]
"""Name of a class; a number for an unknown class or a regression value; a list for several labels a row."""


class RowNames:
    """Names rows of one evaluation data set.

    Args:
        pipeline: gives the names of classes and text columns.
        rows: the evaluation data set.

    """

    def __init__(self, pipeline: Pipeline, rows: Dataset) -> None:
        answered = pipeline.card.head_rules.answers is not None
        # The tokenized rows of a user's Trainer have no texts, its raw rows have.
        named = pipeline.card.text_columns or (language_columns(rows) if answered else ())
        self._columns = [name for name in named if name in rows.column_names]
        self._id_column = next((name for name in _ID_COLUMNS if name in rows.column_names), None)
        self._names, self._rules, self._rows = pipeline.card.label_names, pipeline.card.head_rules, rows

    @property
    def has_tags(self) -> bool:
        """Whether each token has a label: rows are then described by entities."""
        return LABEL_PER_TOKEN in self._rules.traits

    def raw(self, indices: Sequence[int]) -> list[Mapping[str, Any]]:
        """Return rows as they are in the data set, in the order of the indices."""
        table = self._rows.with_format(None).select(indices, keep_in_memory=True)
        return [table[place] for place in range(len(table))]

    def id(self, row: int, raw: Mapping[str, Any]) -> Any:
        """Return the value of the data's id column; the index where the data has no such column."""
        return row if self._id_column is None else raw[self._id_column]

    def texts(self, raw: Mapping[str, Any]) -> list[str]:
        """Return one text for each text column."""
        return [_text(raw[column]) for column in self._columns]

    def label(self, label: Any) -> Labelled:
        """Name the label of a row."""
        return read_answers(label) if self._rules.answers is not None else self.prediction(label)

    def prediction(self, value: Any) -> Any:
        """Return the name of a class, or those of the labels of a set; anything else stays as it is."""
        names = self._names
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            sets = LABEL_SETS in self._rules.traits
            return [name for name, share in zip(names, value, strict=True) if share > _IS_LABEL] if sets else value
        return names[int(value)] if 0 <= value < len(names) else value

    def entities(
        self, raw: Mapping[str, Any], label: Sequence[int], before: Sequence[int], after: Sequence[int]
    ) -> dict[str, list[str]]:
        """Describe the entities that differ between two predictions, see `entity_changes`."""
        words = list(map(str, raw[self._columns[0]])) if self._columns else []
        return entity_changes(label, before, after, self._names, words)


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
