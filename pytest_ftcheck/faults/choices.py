"""Faults of multiple choice: the order of choices, their context, and the meaning of the label.

Shapes: B rows, C choices, T columns.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.data.encoded import special_ids
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    is_one_table,
    labels_of,
    raw,
    tokenized,
    tokenizer_of,
    with_column,
    with_labels,
    with_rows,
)
from pytest_ftcheck.heads.traits import CHOICES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

    Choices = list[list[Any]]
    """A value for each token of each choice of a row."""

SPLITS = ("train", "evaluation")


def _with_choices(pipeline: Pipeline, change: Callable[[dict[str, Choices], int], dict[str, Choices]]) -> Pipeline:
    """Return the pipeline with other choices in each row of both splits; its raw texts stay unchanged.

    Args:
        pipeline: to change.
        change: takes the columns of a row's choices and the row's number, and returns other columns.

    """
    for split in SPLITS:
        rows = tokenized(pipeline, split).with_format(None)
        names = [name for name in rows.column_names if _of_choices(rows, name)]
        columns = zip(*(rows[name] for name in names), strict=True)
        made = [change(dict(zip(names, row, strict=True)), index) for index, row in enumerate(columns)]
        changed = Dataset.from_dict({**rows.to_dict(), **{name: [row[name] for row in made] for name in names}})
        both = is_one_table(pipeline, split)
        pipeline = with_rows(pipeline, split, changed, changed if both else None)
    return pipeline


def _of_choices(rows: Dataset, name: str) -> bool:
    first = rows[0][name]
    return isinstance(first, list) and bool(first) and isinstance(first[0], list)


@fault(
    needs=(CHOICES,),
    caught_by=("data.choices_in_place",),
    seen_in_practice="The choices of a row are shuffled so that the right choice is not always the first, and the "
    "label is not changed with them.",
)
def choices_shuffled(pipeline: Pipeline) -> Pipeline:
    """The choices of each row are put into another order, and the labels stay unchanged."""
    generator = Random(0)  # noqa: S311 - no secret

    def shuffled(row: dict[str, Choices], index: int) -> dict[str, Choices]:
        del index
        count = len(row["input_ids"])
        order = generator.sample(range(count), count)
        return {name: [choices[place] for place in order] for name, choices in row.items()}

    return _with_choices(pipeline, shuffled)


@fault(
    needs=(CHOICES,),
    caught_by=("data.choice_count",),
    seen_in_practice="Empty endings are removed from the list of choices, which changes the index of the choices after "
    "them.",
)
def choice_lost(pipeline: Pipeline) -> Pipeline:
    """Every tenth row has one choice fewer."""

    def fewer(row: dict[str, Choices], index: int) -> dict[str, Choices]:
        return {name: choices[:-1] if index % 10 == 0 else choices for name, choices in row.items()}

    return _with_choices(pipeline, fewer)


@fault(
    needs=(CHOICES,),
    caught_by=("data.choices_in_place",),
    seen_in_practice="Contexts are repeated for each ending, and endings come from a list that lacks one row: each "
    "context has the endings of the next row.",
)
def endings_of_next_row(pipeline: Pipeline) -> Pipeline:
    """Each row's choices have the row's own context and the endings of the next row."""
    special = special_ids(tokenizer_of(pipeline))
    for split in SPLITS:
        rows = tokenized(pipeline, split).with_format(None)["input_ids"]
        split_up = [[_segments(choice, special) for choice in row] for row in rows]
        made = [
            [first + split_up[(index + 1) % len(rows)][place][1] for place, (first, _) in enumerate(row)]
            for index, row in enumerate(split_up)
        ]
        pipeline = _with_ids(pipeline, split, made)
    return pipeline


def _segments(ids: list[int], special: frozenset[int]) -> tuple[list[int], list[int]]:
    """Cut a choice after the first special token that follows a text.

    Raises:
        NotApplicable: there is no such token, except at the end.

    """
    places = [place for place, token in enumerate(ids) if token in special and place]
    if len(places) < 2:  # between the segments, and at the end
        msg = "there is no special token between context and ending"
        raise NotApplicable(msg)
    return ids[: places[0] + 1], ids[places[0] + 1 :]


def _with_ids(pipeline: Pipeline, split: str, made: list[Choices]) -> Pipeline:
    """Return the pipeline with other token ids in a split, and other columns of the same lengths."""
    rows = tokenized(pipeline, split).with_format(None)
    columns: dict[str, Any] = {**rows.to_dict(), "input_ids": made}
    special = special_ids(tokenizer_of(pipeline))
    if "attention_mask" in columns:
        columns["attention_mask"] = [[[1] * len(choice) for choice in row] for row in made]
    if "token_type_ids" in columns:
        columns["token_type_ids"] = [[_types(choice, special) for choice in row] for row in made]
    changed = Dataset.from_dict(columns)
    return with_rows(pipeline, split, changed, changed if is_one_table(pipeline, split) else None)


def _types(ids: list[int], special: frozenset[int]) -> list[int]:
    places = [place for place, token in enumerate(ids) if token in special and place]
    first = places[0] + 1 if len(places) > 1 else len(ids)
    return [0] * first + [1] * (len(ids) - first)


@fault(
    needs=(CHOICES,),
    caught_by=("data.choice_context",),
    seen_in_practice="tokenizer(endings) instead of tokenizer(contexts, endings), after the columns were renamed.",
)
def context_dropped(pipeline: Pipeline) -> Pipeline:
    """The choices are tokenized without their context."""
    special = special_ids(tokenizer_of(pipeline))
    for split in SPLITS:
        rows = tokenized(pipeline, split).with_format(None)["input_ids"]
        made = [[[choice[0], *_segments(choice, special)[1]] for choice in row] for row in rows]
        pipeline = _with_ids(pipeline, split, made)
    return pipeline


@fault(
    needs=(CHOICES,),
    caught_by=("data.choice_context",),
    seen_in_practice="max_length is enough for the shorter choices only: for the longest ending, truncation removes a "
    "part of the context.",
)
def context_cut_in_one_choice(pipeline: Pipeline) -> Pipeline:
    """One choice of each row has only the first half of its context."""
    special = special_ids(tokenizer_of(pipeline))
    for split in SPLITS:
        rows = tokenized(pipeline, split).with_format(None)["input_ids"]
        made = [[list(choice) for choice in row] for row in rows]
        for index, row in enumerate(made):
            place = index % len(row)
            first, second = _segments(row[place], special)
            row[place] = [*first[: len(first) // 2], first[-1], *second]
        pipeline = _with_ids(pipeline, split, made)
    return pipeline


@fault(
    needs=(CHOICES,),
    caught_by=("data.choices_differ",),
    seen_in_practice="max_length was chosen for another data set, with truncation of the second segment: of each "
    "ending, only the beginning is left that all endings of the row share.",
)
def endings_truncated_away(pipeline: Pipeline) -> Pipeline:
    """Every choice is cut where it begins to differ from the others of its row."""
    special = special_ids(tokenizer_of(pipeline))

    def cut(row: dict[str, Choices], index: int) -> dict[str, Choices]:
        del index
        ids = row["input_ids"]
        alike = next((at for at, tokens in enumerate(zip(*ids, strict=False)) if len(set(tokens)) > 1), len(ids[0]))
        last = [choice[-1] if choice[-1] in special else None for choice in ids]
        return {
            name: [
                [*choice[:alike], *(choice[-1:] if end is not None else [])]
                for choice, end in zip(choices, last, strict=True)
            ]
            for name, choices in row.items()
        }

    return _with_choices(pipeline, cut)


@fault(
    needs=(CHOICES,),
    caught_by=("data.choice_labels",),
    seen_in_practice="The source's labels count from 1, and are taken modulo the number of choices, or converted by "
    "ClassLabel, which numbers names in the order of its list.",
)
def right_choice_off_by_one(pipeline: Pipeline) -> Pipeline:
    """Each label names the choice after the right one."""
    choices = pipeline.card.num_labels
    for split in SPLITS:
        labels = [(label + 1) % choices for label in labels_of(pipeline, split)]
        pipeline = with_labels(pipeline, split, labels, raw_too=False)
    return pipeline


@fault(
    needs=(CHOICES,),
    caught_by=("metrics.answer_only",),
    whole_run=True,
    seen_in_practice="The wrong endings were written by a language model, and lack the full stop that human authors "
    "write.",
)
def endings_give_the_answer(pipeline: Pipeline) -> Pipeline:
    """The wrong endings lack their last token, the full stop."""
    for split in SPLITS:
        labels, rows = labels_of(pipeline, split), tokenized(pipeline, split).with_format(None)["input_ids"]
        made = [
            [choice if place == label else [*choice[:-2], choice[-1]] for place, choice in enumerate(row)]
            for row, label in zip(rows, labels, strict=True)
        ]
        pipeline = _with_ids(pipeline, split, made)
        if not is_one_table(pipeline, split):
            pipeline = _with_texts_cut(pipeline, split, labels)
    return pipeline


def _with_texts_cut(pipeline: Pipeline, split: str, labels: list[Any]) -> Pipeline:
    rows = raw(pipeline, split)
    for place, column in enumerate(pipeline.card.text_columns[-pipeline.card.num_labels :]):
        pairs = zip(rows[column], labels, strict=True)
        rows = with_column(rows, column, [text if place == label else text.rstrip(".") for text, label in pairs])
    return with_rows(pipeline, split, raw=rows)
