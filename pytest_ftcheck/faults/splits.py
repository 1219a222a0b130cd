"""Faults of the splits: what is trained on, and what is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets import concatenate_datasets

from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    is_one_table,
    raw,
    require_pair,
    tokenized,
    with_chosen,
    with_column,
    with_rows,
)
from pytest_ftcheck.faults.rows import encode, texts_of

if TYPE_CHECKING:
    from datasets import Dataset

    from pytest_ftcheck.pipeline.parts import Pipeline


@fault(
    caught_by=("data.duplicates",),
    wild="All files are read with one pattern for training, those of the validation among them.",
)
def evaluation_leaked(pipeline: Pipeline) -> Pipeline:
    """The evaluated rows are trained on too."""
    return _leaked(pipeline, tokenized(pipeline, "evaluation"), raw(pipeline, "evaluation"))


@fault(
    caught_by=("data.duplicates",),
    wild="Pairs are augmented by their mirror image before the rows are split.",
)
def evaluation_leaked_swapped(pipeline: Pipeline) -> Pipeline:
    """The evaluated pairs are trained on too, with their segments swapped."""
    require_pair(pipeline)
    first, second = texts_of(pipeline, "evaluation")
    rows = encode(pipeline, "evaluation", (second, first))
    mirrored = raw(pipeline, "evaluation").with_format(None)
    for column, texts in zip(pipeline.card.text_columns, (second, first), strict=True):
        mirrored = with_column(mirrored, column, texts)
    return _leaked(pipeline, rows, mirrored)


def _leaked(pipeline: Pipeline, rows: Dataset, raw_rows: Dataset) -> Pipeline:
    together = concatenate_datasets([tokenized(pipeline, "train"), rows])
    if is_one_table(pipeline, "train"):
        # One table holds text and tokens.
        for column in pipeline.card.text_columns:
            texts = [*raw(pipeline, "train")[column], *raw_rows[column]]
            together = with_column(together, column, texts)
        return with_rows(pipeline, "train", together, together)
    return with_rows(pipeline, "train", together, concatenate_datasets([raw(pipeline, "train"), raw_rows]))


@fault(
    caught_by=("data.duplicates", "data.metrics_without_duplicates"),
    wild="The name of the split is copied from the line above: eval_dataset=tokenized['train'].",
)
def evaluation_on_train(pipeline: Pipeline) -> Pipeline:
    """Rows of train are evaluated."""
    count = min(len(tokenized(pipeline, "train")), len(tokenized(pipeline, "evaluation")))
    rows, raw_rows = (part(pipeline, "train").select(range(count)) for part in (tokenized, raw))
    same = is_one_table(pipeline, "train")
    return with_rows(pipeline, "evaluation", rows, rows if same else raw_rows)


@fault(
    caught_by=("data.splits_not_empty",),
    wild="A filter by language, length or label keeps nothing, because a column has changed its values.",
)
def evaluation_filtered_away(pipeline: Pipeline) -> Pipeline:
    """A filter leaves nothing to evaluate."""
    return with_chosen(pipeline, "evaluation", [])
