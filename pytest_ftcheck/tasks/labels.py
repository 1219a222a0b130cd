"""Labels of a data set: names, class ids or numbers become what the model learns."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from datasets import ClassLabel, Dataset

from pytest_ftcheck.columns import arrays
from pytest_ftcheck.errors import DataError, closest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.tasks.card import TaskCard


_LARGEST = 3.4028234663852886e38
"""Of float32: above it lies infinity."""


def encode_labels(card: TaskCard, split: Dataset, where: str) -> Dataset:
    """Return the split with its label column as int64 class ids, or as float32 values for regression.

    Class ids must lie within the card's label names; texts must be among them. Where all names are whole numbers,
    numbers are read as names. A `datasets.ClassLabel` that shares names with the card is read by name, whatever its
    order.

    Args:
        card: names the label column and the classes.
        split: the rows.
        where: the split in words, for messages.

    Raises:
        DataError: a label is missing or outside the names, or is not a number for regression.

    """
    names, feature = list(card.label_names), split.features[card.label_column]
    read = _reader(names, feature)
    encode = _number if card.head == "regression" else _class_id
    kind = pa.float32() if card.head == "regression" else pa.int64()
    chunks, start = [], 0
    for array in arrays(split, card.label_column):
        values = array.to_pylist()
        encoded = [encode(read(value), names, f"{where}, row {start + row}") for row, value in enumerate(values)]
        chunks.append(pa.array(encoded, type=kind))
        start += len(values)
    return split.remove_columns(card.label_column).add_column(card.label_column, pa.chunked_array(chunks, type=kind))


def _reader(names: list[str], feature: Any) -> Callable[[Any], Any]:
    """Return what makes of a stored value what the card's names are compared with."""
    if isinstance(feature, ClassLabel) and set(feature.names) & set(names):
        return lambda value: feature.names[value] if isinstance(value, int) and value >= 0 else value
    if names and all(name.isdigit() for name in names):
        # Names such as the stars 1 to 5 are what the data calls its classes: as ids, all would be one too high.
        return lambda value: str(value) if isinstance(value, int) else value
    return lambda value: value


def _class_id(value: Any, names: list[str], where: str) -> int:
    if isinstance(value, str) and value in names:
        return names.index(value)
    number = float(value) if isinstance(value, (int, float)) else math.nan
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value) and not all(name.isdigit() for name in names):
        number = float(value)
    if number.is_integer() and 0 <= number < len(names):
        return int(number)
    classes = ", ".join(f"{index} = {name}" for index, name in enumerate(names))
    todo = "Correct the row, or the card's label_names."
    if number == -1:
        todo = "-1 marks a hidden label, as in the test splits of GLUE: evaluate on a split that has labels."
    guess = closest(value, names) if isinstance(value, str) else ""
    msg = f"{where}: label {value!r} is outside the names ({classes}).{guess} {todo}"
    raise DataError(msg)


def _number(value: Any, _names: list[str], where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= _LARGEST:
        msg = f"{where}: label {value!r} is not a finite number, as regression needs. Remove or correct the row."
        raise DataError(msg)
    return number
