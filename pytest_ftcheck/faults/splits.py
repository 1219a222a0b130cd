"""Faults of the splits: the rows that are trained on and the rows that are evaluated."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from datasets import concatenate_datasets

from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    is_one_table,
    labels_of,
    raw,
    require_pair,
    require_texts,
    tokenized,
    with_chosen,
    with_column,
    with_rows,
)
from pytest_ftcheck.faults.rows import SPLITS, encode, texts_of
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from datasets import Dataset

    from pytest_ftcheck.faults.rows import Texts
    from pytest_ftcheck.pipeline.parts import Pipeline

_FEW = 8
_SHORT = 6
_STOP_WORDS = 8


@fault(
    caught_by=("data.duplicates",),
    seen_in_practice="The pattern that selects the train files also matches the validation files.",
)
def evaluation_leaked(pipeline: Pipeline) -> Pipeline:
    """The evaluation rows are also train rows."""
    return _leaked(pipeline, tokenized(pipeline, "evaluation"), raw(pipeline, "evaluation"))


@fault(
    caught_by=("data.duplicates",),
    seen_in_practice="Pairs are augmented by their mirror image before the rows are split.",
)
def evaluation_leaked_swapped(pipeline: Pipeline) -> Pipeline:
    """The evaluation pairs are also train pairs, with their segments swapped."""
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
    seen_in_practice="The name of the split is copied from the line above: eval_dataset=tokenized['train'].",
)
def evaluation_on_train(pipeline: Pipeline) -> Pipeline:
    """The evaluation rows are train rows."""
    count = min(len(tokenized(pipeline, "train")), len(tokenized(pipeline, "evaluation")))
    rows, raw_rows = (part(pipeline, "train").select(range(count)) for part in (tokenized, raw))
    same = is_one_table(pipeline, "train")
    return with_rows(pipeline, "evaluation", rows, rows if same else raw_rows)


@fault(
    caught_by=("data.splits_not_empty",),
    seen_in_practice="A filter by language, length or label keeps no row, because the values of a column have changed.",
)
def evaluation_filtered_away(pipeline: Pipeline) -> Pipeline:
    """A filter leaves no row to evaluate."""
    return with_chosen(pipeline, "evaluation", [])


@fault(
    caught_by=("data.evaluation_rows",),
    seen_in_practice="select(range(8)) is left in the script after a dry run, and the accuracy is always 1.0.",
)
def eight_rows_evaluated(pipeline: Pipeline) -> Pipeline:
    """Only eight rows are evaluated."""
    return with_chosen(pipeline, "evaluation", range(_FEW))


@fault(
    caught_by=("data.lengths_alike",),
    seen_in_practice="The evaluation rows are tokenized by a copy of the function, with another max_length.",
)
def evaluation_cut_shorter(pipeline: Pipeline) -> Pipeline:
    """Evaluation rows are truncated to a few tokens, train rows are not."""
    require_texts(pipeline)
    special = 1 + len(pipeline.card.text_columns)
    length = _SHORT * len(pipeline.card.text_columns) + special
    rows = encode(pipeline, "evaluation", texts_of(pipeline, "evaluation"), max_length=length)
    return _retokenized(pipeline, "evaluation", rows)


@fault(
    caught_by=("data.words_alike",),
    seen_in_practice="A notebook cell removes stop words from the train texts, but not from the evaluation texts.",
)
def stop_words_removed_from_train(pipeline: Pipeline) -> Pipeline:
    """The most frequent words are removed from the train texts."""
    require_texts(pipeline)
    texts = texts_of(pipeline, "train")
    counts = Counter(word for segment in texts for text in segment for word in set(text.lower().split()))
    frequent = {word for word, _ in counts.most_common(_STOP_WORDS)}
    fewer: Texts = tuple([_without(text, frequent) for text in segment] for segment in texts)
    return _retokenized(pipeline, "train", encode(pipeline, "train", fewer))


def _without(text: str, words: set[str]) -> str:
    return " ".join(word for word in text.split() if word.lower() not in words)


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("data.giveaways",),
    seen_in_practice="Title, label and body of a record are joined into the text, in both splits: the accuracy is 1.0.",
)
def label_in_the_text(pipeline: Pipeline) -> Pipeline:
    """Each text begins with a word that names its label."""
    require_texts(pipeline)
    for split in SPLITS:
        labels = [0 if label is None else int(label) for label in labels_of(pipeline, split)]
        first, *others = texts_of(pipeline, split)
        texts: Texts = ([f"{label} {text}" for label, text in zip(labels, first, strict=True)], *others)
        pipeline = _retokenized(pipeline, split, encode(pipeline, split, texts))
    return pipeline


def _retokenized(pipeline: Pipeline, split: str, rows: Dataset) -> Pipeline:
    return with_rows(pipeline, split, rows, rows if is_one_table(pipeline, split) else None)
