"""Encodes the labels of a data set: converts names, class ids or numbers to training targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from datasets import ClassLabel

from pytest_ftcheck.columns import arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasets import Dataset

    from pytest_ftcheck.tasks.card import TaskCard


def encode_labels(card: TaskCard, split: Dataset, where: str) -> Dataset:
    """Return the split with its label column encoded for its head: int64 class ids, float32 values.

    Class ids must be in the range of the card's label names; strings must be one of these names. If all names are
    integers, numbers are read as names. A `datasets.ClassLabel` that shares names with the card is read by name, for
    any order.

    Args:
        card: card with the label column and the classes.
        split: rows of the split.
        where: the split in words, for messages.

    Raises:
        DataError: a label is missing, or not valid for the head.

    """
    names, feature = list(card.label_names), split.features[card.label_column]
    read = _reader(names, getattr(feature, "feature", feature))
    rules = card.head_rules.labels
    kind = rules.arrow_type()
    chunks, start = [], 0
    for array in arrays(split, card.label_column):
        values = [_each(read, value) for value in array.to_pylist()]
        encoded = [rules.encode(value, names, f"{where}, row {start + row}") for row, value in enumerate(values)]
        chunks.append(pa.array(encoded, type=kind))
        start += len(values)
    if card.label_column in card.text_columns:  # the words of the text are the labels
        return split
    return split.remove_columns(card.label_column).add_column(card.label_column, pa.chunked_array(chunks, type=kind))


def _each(read: Callable[[Any], Any], value: Any) -> Any:
    """Convert a label, or each label of a list."""
    return [read(part) for part in value] if isinstance(value, list) else read(value)


def _reader(names: list[str], feature: Any) -> Callable[[Any], Any]:
    """Return the function that converts a stored value to the form of the card's names."""
    if isinstance(feature, ClassLabel) and set(feature.names) & set(names):
        return lambda value: feature.names[value] if isinstance(value, int) and value >= 0 else value
    if names and all(name.isdigit() for name in names):
        # Names such as the stars 1 to 5 are the data's names of classes: as ids, all would be one too high.
        return lambda value: str(value) if isinstance(value, int) else value
    return lambda value: value
