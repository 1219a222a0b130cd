"""The slices of a card, as rows of a pipeline's evaluation data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.columns import joined_ids, scalars, tables, walk
from pytest_ftcheck.errors import DataError, TaskError, closest, unknown
from pytest_ftcheck.gates.slices import class_masks, function_masks, length_masks, value_masks
from pytest_ftcheck.pipeline.factory import check_spec, load_factory, where_it_failed

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.pipeline.parts import Pipeline


_MADE = ("class", "length", "truncated")
"""Families that need no column."""


def check_slices(pipeline: Pipeline, rootdir: Path) -> None:
    """Refuse slices of a missing column or file, also if no gate will use them.

    Raises:
        TaskError: a column or file is missing.

    """
    for spec in pipeline.card.slices:
        if ":" in spec:
            check_spec(spec, rootdir, _named_by(pipeline))
        elif spec not in _MADE:
            _check_column(spec, pipeline)


def pipeline_masks(pipeline: Pipeline, rootdir: Path) -> dict[str, Masks]:
    """Return the rows of every slice, by the entry in the card's ``slices`` and the slice's name.

    Args:
        pipeline: pipeline with N evaluation rows.
        rootdir: folder from which a user's function is imported.

    Raises:
        TaskError: unknown column or function, or a limit for a slice without rows.
        DataError: a column has too many values, ``truncated`` has no texts, or the raw rows are not the evaluated
            rows.

    """
    masks = {spec: _family(spec, pipeline, rootdir) for spec in pipeline.card.slices}
    of_raw_rows = pipeline.card.head_rules.answers is not None
    rows = len(pipeline.raw_evaluation if of_raw_rows else pipeline.eval_dataset)
    for spec, family in masks.items():
        if any(len(mask) != rows for mask in family.values()):
            msg = f"slices {spec!r}: the raw rows are not the {rows} rows that are evaluated."
            raise DataError(msg)
    names = [name for family in masks.values() for name in family]
    for metric, metric_limits in pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name).items():
        for name, limits in metric_limits.slices.items():
            # A calibrated limit may belong to other rows; the limit of its family then applies to these rows.
            replaced = limits.calibrated is not None and name.partition("=")[0] in metric_limits.slices
            if "=" in name and name not in names and not replaced:
                where = f"task card {pipeline.card.name!r}: limits of {metric}: "
                todo = "Limit a slice with rows, or a whole family (without = and value)."
                raise TaskError(where + unknown("slice", name, names, todo))
    return masks


def _family(spec: str, pipeline: Pipeline, rootdir: Path) -> Masks:
    if spec == "class":
        label_ids = np.asarray(scalars(pipeline.eval_dataset, pipeline.label_column))
        return class_masks(label_ids, pipeline.card.label_names)
    if spec == "length":
        return length_masks(_lengths(pipeline))
    if spec == "truncated":
        return value_masks("truncated", _truncated(pipeline))
    raw = pipeline.raw_evaluation
    if ":" in spec:
        function = load_factory(spec, rootdir, named_by=_named_by(pipeline))
        try:
            return function_masks(function, raw)
        except DataError:
            raise
        except Exception as error:
            msg = f"slices of task card {pipeline.card.name!r}: {spec} fails on a row: {where_it_failed(error)}"
            raise TaskError(msg) from error
    _check_column(spec, pipeline)
    return value_masks(spec, (value for (value,) in walk(raw, [spec])))


def _named_by(pipeline: Pipeline) -> str:
    return f"slices of task card {pipeline.card.name!r}: "


def _check_column(spec: str, pipeline: Pipeline) -> None:
    columns = pipeline.raw_evaluation.column_names
    if spec not in columns:
        msg = (
            f"task card {pipeline.card.name!r}: slices: unknown column {spec!r}.{closest(spec, [*_MADE, *columns])} "
            f"The evaluation rows have {', '.join(columns)}; {', '.join(_MADE)} and package.module:function work, too."
        )
        raise TaskError(msg)


def _lengths(pipeline: Pipeline) -> list[int]:
    """Return the number of tokens of each row without padding, ``[N]``."""
    rows = pipeline.eval_dataset
    if "attention_mask" in rows.column_names:
        return [int(np.sum(joined_ids(mask))) for (mask,) in walk(rows, ["attention_mask"])]
    pad_id = pipeline.pad_id
    return [sum(token != pad_id for token in joined_ids(ids)) for (ids,) in walk(rows, ["input_ids"])]


def _truncated(pipeline: Pipeline) -> list[bool]:
    """Return for each row whether its tokens are truncated, ``[N]``."""
    columns, tokenizer = pipeline.card.text_columns, pipeline.processing_class
    if not columns or tokenizer is None:
        msg = "slices: 'truncated' needs a tokenizer and the raw texts: name them in the card's text_columns."
        raise DataError(msg)
    whole: list[int] = []
    for table in tables(pipeline.data.evaluation, columns):
        texts = {column: table.column(column).to_pylist() for column in columns}
        made = pipeline.card.head_rules.inputs.tokens(tokenizer, texts, truncation=False, padding=False)
        whole += [len(joined_ids(ids)) for ids in made["input_ids"]]
    return [tokens > length for tokens, length in zip(whole, _lengths(pipeline), strict=True)]
