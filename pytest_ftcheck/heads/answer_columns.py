"""Converts the answers of raw rows from the forms of data sets to one form.

This form is ``{"text": [texts], "answer_start": [first characters]}``, as in SQuAD on the Hub.
"""

from __future__ import annotations

import ast
import json
import math
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from datasets import Dataset

_TEXTS = ("answer_text", "answers_text", "answers.text", "answer.text", "answer")
"""Columns of texts that are used if the label column is absent."""
_STARTS = ("answer_start", "answers_start", "answers.answer_start", "answers_answer_start", "answer.answer_start")
_IMPOSSIBLE = "is_impossible"
_NESTED = ("text", "answer_start")
_EXPECTED = (
    "a column with {'text': [texts], 'answer_start': [first characters]} or with a list of "
    "{'text': …, 'answer_start': …}, or a column of texts (answer_text) and a column of first characters (answer_start)"
)


def answers_in_one_form(rows: Dataset, context: str, label: str, where: str) -> Dataset:
    """Return the rows with the label column in the form of SQuAD, for any known form of the answers.

    Known forms of a row are: a mapping with texts and positions; a list of mappings with one answer each (the JSON
    files of SQuAD); one of these as a string (a CSV file); two columns with texts and positions, each one value or a
    list. An answer without a position is searched in its context. A row has no answer if its column ``is_impossible``
    is true, or if its text is empty or missing.

    Args:
        rows: raw rows.
        context: name of the column that contains the answers.
        label: name of the label column, which may be absent.
        where: the split in words, for messages.

    Returns:
        The rows, unchanged if the label column has this form already.

    Raises:
        DataError: there is no column of answers; an answer without a position does not occur exactly once in its
            context; a row has answers although ``is_impossible`` is true.

    """
    import pyarrow as pa  # noqa: PLC0415 - a card is read before Arrow is imported

    from pytest_ftcheck.columns import walk  # noqa: PLC0415 - likewise

    found = _columns(rows.column_names, label)
    if found is None:
        msg = f"{where} has no answers: its columns are {', '.join(rows.column_names)}, expected {_EXPECTED}."
        raise DataError(msg)
    texts, starts = found
    flag = _IMPOSSIBLE if _IMPOSSIBLE in rows.column_names else None
    kind = rows.data.table.schema.field(texts).type
    if flag is None and texts == label and pa.types.is_struct(kind) and _holds_lists(kind):
        return rows
    names = [texts, *([] if starts is None else [starts]), *([] if flag is None else [flag]), context]
    made = []
    for row, values in enumerate(walk(rows, names)):
        given = dict(zip(names, values, strict=True))
        start = None if starts is None else given[starts]
        answers = _answers(given[texts], start, str(given[context]), f"{where}, row {row}")
        if flag is not None and _is_true(given[flag]) and answers["text"]:
            msg = (
                f"{where}, row {row}: {flag} is true, but there is the answer {answers['text'][0]!r}. Remove the "
                f"answers, or correct {flag}; put plausible answers into another column."
            )
            raise DataError(msg)
        made.append(answers)
    left = rows.remove_columns(label) if label in rows.column_names else rows
    form = pa.struct({"text": pa.list_(pa.string()), "answer_start": pa.list_(pa.int64())})
    return left.add_column(label, pa.chunked_array([pa.array(made, type=form)]))


def _columns(names: Sequence[str], label: str) -> tuple[str, str | None] | None:
    """Return the columns of texts and of positions; None where there are no texts."""
    texts = next((name for name in (label, *_TEXTS) if name in names), None)
    starts = next((name for name in _STARTS if name in names and name != texts), None)
    return None if texts is None else (texts, starts)


def _holds_lists(kind: Any) -> bool:
    import pyarrow as pa  # noqa: PLC0415 - as above

    kinds = {field.name: field.type for field in kind}
    return all(
        name in kinds and (pa.types.is_list(kinds[name]) or pa.types.is_large_list(kinds[name])) for name in _NESTED
    )


def _answers(value: Any, starts: Any, context: str, where: str) -> dict[str, list[Any]]:
    """Return texts and positions of one row."""
    value, starts = _parsed(value, (dict, str)), _parsed(starts, (int,))
    if isinstance(value, dict):
        value, starts = value.get("text"), value.get("answer_start", starts)
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        value, starts = [each.get("text") for each in value], [each.get("answer_start") for each in value]
    # In a CSV file whose answers are all numbers, they are read as numbers.
    texts, places = [str(text) if isinstance(text, int) else text for text in _listed(value)], _listed(starts)
    places = places or [None] * len(texts)
    if not all(isinstance(text, str) for text in texts) or len(places) != len(texts):
        msg = f"{where}: answers {value!r} at {starts!r}: expected as many texts as first characters; {_EXPECTED}."
        raise DataError(msg)
    # "" means no answer in a CSV file.
    kept = [(text, place) for text, place in zip(texts, places, strict=True) if text]
    return {
        "text": [text for text, _ in kept],
        "answer_start": [_place(text, place, context, where) for text, place in kept],
    }


def _parsed(value: Any, parts: tuple[type, ...]) -> Any:
    """Parse a string such as ``{"text": …}`` or ``[3]``; return any other value unchanged.

    Args:
        value: value of a cell.
        parts: types of a list's elements; needed because an answer may also begin with a bracket.

    """
    if not isinstance(value, str) or not value.strip().startswith(("{", "[")):
        return value
    parsers: tuple[Callable[[str], Any], ...] = (json.loads, ast.literal_eval)
    for parse in parsers:
        try:
            found = parse(value)
        except (ValueError, SyntaxError, RecursionError):
            continue
        of_parts = isinstance(found, list) and all(isinstance(part, parts) for part in found)
        return found if of_parts or isinstance(found, dict) else value
    return value


def _listed(value: Any) -> list[Any]:
    """Return a value as a list, and a missing value as an empty list."""
    if _is_missing(value):
        return []
    return value if isinstance(value, list) else [value]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _place(text: str, place: Any, context: str, where: str) -> int:
    """Return the first character of an answer: the given one, else the position of the answer in its context."""
    if isinstance(place, str) and place.strip().isdigit():
        return int(place)
    if (
        isinstance(place, (int, float))
        and not isinstance(place, bool)
        and not _is_missing(place)
        and place == int(place)
    ):
        return int(place)
    places = [at for at in range(len(context)) if context.startswith(text, at)] if _is_missing(place) else []
    if len(places) == 1:
        return places[0]
    why = f"answer_start {place!r} is not a number"
    if _is_missing(place):
        why = f"there is no answer_start, and the answer occurs {len(places)} times in its context"
    msg = f"{where}: answer {text!r}: {why}. Give the first character of the answer in answer_start."
    raise DataError(msg)


def _is_true(value: Any) -> bool:
    return value.strip().lower() in ("true", "1") if isinstance(value, str) else bool(value)
