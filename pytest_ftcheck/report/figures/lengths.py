"""How long the rows of a split are, and how much of its batches is padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.columns import joined_ids, taken
from pytest_ftcheck.report.figures.predictions import evenly
from pytest_ftcheck.report.figures.records import LengthsRecord

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.pipeline.parts import Pipeline

_MOST_ROWS = 5_000
_BINS = 24
_UNLIMITED = 10**6
"""Tokenizers without a limit of their own have a larger number."""
_DEFAULT_BATCH = 8
"""Rows of a batch, as `transformers.TrainingArguments` has them."""


def lengths(pipeline: Pipeline) -> list[LengthsRecord]:
    """Describe the tokenized rows of both splits.

    Raises:
        KeyError: the rows have no token ids.

    """
    splits = (
        ("train", pipeline.train_dataset, "per_device_train_batch_size"),
        (pipeline.data.evaluation_split, pipeline.eval_dataset, "per_device_eval_batch_size"),
    )
    counted = [(name, *_tokens(rows, pipeline), size) for name, rows, size in splits if len(rows)]
    bounds = _bounds([tokens for _, tokens, _, _ in counted])
    limit = _limit(pipeline)
    return [
        LengthsRecord(
            split=name,
            rows=len(tokens),
            bounds=bounds.tolist(),
            counts=np.histogram(tokens, bounds)[0].tolist(),
            longest=int(tokens.max()),
            limit=limit,
            at_limit=int((tokens == limit).sum()) if limit else 0,
            batch_size=int(pipeline.args.get(size, _DEFAULT_BATCH)),
            padding=_padding(tokens, widths, int(pipeline.args.get(size, _DEFAULT_BATCH)), shuffled=name == "train"),
        )
        for name, tokens, widths, size in counted
    ]


def _limit(pipeline: Pipeline) -> int | None:
    """Return the ``max_length`` that the rows were made with; None where a user's code made them."""
    if not pipeline.source.rows.tokenized_here:
        return None
    given = pipeline.card.recipe(pipeline.tier, pipeline.checkpoint.name).get("max_length")
    longest = getattr(pipeline.processing_class, "model_max_length", None) if given is None else given
    return None if longest is None or longest > _UNLIMITED else int(longest)


def _tokens(rows: Dataset, pipeline: Pipeline) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of tokens and the width of rows, ``[N]`` each; of a row with several texts, of all of them."""
    chosen = evenly(len(rows), _MOST_ROWS).tolist()
    ids = [joined_ids(row) for row in taken(rows, "input_ids", chosen)]
    widths = np.array([len(row) for row in ids], dtype=np.int64)
    if "attention_mask" in rows.column_names:
        tokens: list[Any] = [int(np.sum(joined_ids(mask))) for mask in taken(rows, "attention_mask", chosen)]
    else:
        tokens = [sum(token != pipeline.pad_id for token in row) for row in ids]
    return np.array(tokens, dtype=np.int64), widths


def _bounds(splits: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the ends of bins of equal width that hold the lengths of all splits."""
    low = min(int(tokens.min()) for tokens in splits)
    high = max(int(tokens.max()) for tokens in splits) + 1
    width = max(-(-(high - low) // _BINS), 1)
    return np.arange(low, high + width, width)


def _padding(tokens: NDArray[np.int64], widths: NDArray[np.int64], size: int, *, shuffled: bool) -> float:
    """Return the fraction of padding in batches that are padded to their longest row."""
    order = np.random.default_rng(0).permutation(len(tokens)) if shuffled else np.arange(len(tokens))
    batches = np.array_split(order, np.arange(size, len(order), size))
    total = sum(int(widths[batch].max()) * len(batch) for batch in batches)
    return float(1 - tokens.sum() / total) if total else 0.0
