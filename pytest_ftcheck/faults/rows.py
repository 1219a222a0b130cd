"""Tokenizes rows again as the pipeline does: same columns, and the same length if it is fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.planting import raw, tokenized, tokenizer_of, with_column, with_rows
from pytest_ftcheck.heads.traits import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from datasets import Dataset

    from pytest_ftcheck.pipeline.parts import Pipeline

SPLITS = ("train", "evaluation")

Texts = tuple[list[str], ...]
"""One list of N texts for each segment."""


def texts_of(pipeline: Pipeline, split: str) -> Texts:
    """Return the raw texts of a split, segment by segment.

    Raises:
        NotApplicable: the rows of the pipeline are not texts.

    """
    if TEXTS not in pipeline.card.head_rules.traits:
        msg = "the rows are not texts"
        raise NotApplicable(msg)
    rows = raw(pipeline, split).with_format(None)
    return tuple([str(text) for text in rows[column]] for column in pipeline.card.text_columns)


def encode(
    pipeline: Pipeline,
    split: str,
    texts: Texts,
    *,
    tokenizer: Any = None,
    max_length: int | None = None,
    **options: Any,
) -> Dataset:
    """Return a split's tokenized rows with the tokenizer's columns made again from these texts.

    Args:
        pipeline: gives tokenizer, columns and length.
        split: ``train`` or ``evaluation``.
        texts: N for each segment.
        tokenizer: used instead of the pipeline's.
        max_length: used instead of the pipeline's, if shorter.
        options: further arguments of the tokenizer's call.

    """
    rows = tokenized(pipeline, split).with_format(None)
    tokenizer = tokenizer or tokenizer_of(pipeline)
    lengths = set(map(len, rows["input_ids"]))
    fixed = len(lengths) == 1 and len(rows) > 1
    limit = max_length or _limit(pipeline, max(lengths))
    encoded: dict[str, Any] = dict(
        tokenizer(*texts, truncation=True, max_length=limit, padding="max_length" if fixed else False, **options)
    )
    for name in [name for name in encoded if name in rows.column_names]:
        rows = with_column(rows, name, encoded[name])
    return rows


def encode_both(
    pipeline: Pipeline, change: Callable[..., Sequence[list[str]]], splits: Sequence[str] = SPLITS, **how: Any
) -> Pipeline:
    """Return the pipeline with its splits tokenized from the texts that ``change(first[, second])`` returns."""
    for split in splits:
        texts = tuple(change(*texts_of(pipeline, split)))
        pipeline = with_rows(pipeline, split, encode(pipeline, split, texts, **how))
    return pipeline


def _limit(pipeline: Pipeline, longest: int) -> int:
    """Return the ``max_length`` of the tokenized rows; if it is not known, the length of the longest row."""
    if pipeline.source.rows.tokenized_here:
        recipe = pipeline.card.recipe(pipeline.tier, pipeline.checkpoint.name)
        return int(recipe.get("max_length") or tokenizer_of(pipeline).model_max_length)
    return longest
