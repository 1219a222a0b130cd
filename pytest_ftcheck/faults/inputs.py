"""Faults of the data collator: token types, labels, and how it takes its features. Shapes: B rows, T columns."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import get_worker_info

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.collators import (
    Batch,
    Features,
    label_key,
    pad_id_of,
    require_ragged,
    with_batches,
    with_features,
)
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import require_column, require_pair, tokenizer_of
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, TEXTS, VALUES

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

_TWO = 2


@fault(
    caught_by=("collator.mutation",),
    seen_in_practice="A collator calls feature.pop('labels') on rows in memory: the second epoch has no labels. This "
    "fault shortens the ids in place.",
)
def features_mutated(pipeline: Pipeline) -> Pipeline:
    """The collator shortens the rows in place, so that they are shorter in the next epoch."""
    return with_features(pipeline, _shorten_in_place)


def _shorten_in_place(features: Features) -> Features:
    for feature in features:
        for name, value in feature.items():
            if isinstance(value, list) and len(value) > _TWO:
                feature[name] = value[:-1]
    return features


@fault(
    caught_by=("collator.token_type_ids",),
    seen_in_practice="The collator replaces token_type_ids by zeros_like(input_ids), which is right only for single "
    "sentences.",
)
def token_type_ids_zeroed(pipeline: Pipeline) -> Pipeline:
    """The collator sets all token_type_ids to 0."""
    require_pair(pipeline)
    require_column(pipeline, "token_type_ids")
    return with_batches(pipeline, _zero_types)


def _zero_types(batch: Batch) -> Batch:
    return {**batch, "token_type_ids": torch.zeros_like(batch["input_ids"])}


@fault(
    caught_by=("collator.token_type_ids",),
    seen_in_practice="pad_sequence is called with one padding value for all columns; here 1, the token type of the "
    "second segment.",
)
def token_type_ids_padded_with_1(pipeline: Pipeline) -> Pipeline:
    """Padding has the token type of the second segment."""
    require_column(pipeline, "token_type_ids")
    require_ragged(pipeline)
    return with_batches(pipeline, partial(_types_of_padding, pad_id=pad_id_of(pipeline)))


def _types_of_padding(batch: Batch, pad_id: int) -> Batch:
    return {**batch, "token_type_ids": batch["token_type_ids"].masked_fill(batch["input_ids"] == pad_id, 1)}


@fault(
    needs=(VALUES, LABEL_PER_ROW),
    caught_by=("collator.labels",),
    seen_in_practice="Labels of a regression are made with dtype=torch.long, because the code was copied from a "
    "classification project.",
)
def scores_rounded(pipeline: Pipeline) -> Pipeline:
    """The labels of a regression are cut to whole numbers."""
    return with_batches(pipeline, _whole_labels)


def _whole_labels(batch: Batch) -> Batch:
    key = label_key(batch)
    return {**batch, key: batch[key].long().float()}


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("collator.dtype", "training.completes"),
    seen_in_practice="torch.tensor(labels, dtype=torch.float32) for all columns: cross entropy then expects "
    "probabilities.",
)
def class_ids_as_floats(pipeline: Pipeline) -> Pipeline:
    """Class ids are collated as floating point numbers."""
    return with_batches(pipeline, _float_labels)


def _float_labels(batch: Batch) -> Batch:
    key = label_key(batch)
    return {**batch, key: batch[key].float()}


@fault(
    caught_by=("collator.determinism",),
    seen_in_practice="The collator drops words at random as augmentation, and evaluation uses the same collator.",
)
def words_dropped_at_random(pipeline: Pipeline) -> Pipeline:
    """The collator replaces a tenth of the tokens at random, in evaluation too."""
    tokenizer = tokenizer_of(pipeline)
    unknown = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else pad_id_of(pipeline)
    special = tuple(sorted({int(token) for token in tokenizer.all_special_ids}))
    return with_batches(pipeline, partial(_dropped, unknown=int(unknown), special=special))


def _dropped(batch: Batch, unknown: int, special: tuple[int, ...]) -> Batch:
    ids = batch["input_ids"]
    drawn = (torch.rand(ids.shape) < 0.1) & ~torch.isin(ids, torch.tensor(special))  # a tenth
    return {**batch, "input_ids": torch.where(drawn, unknown, ids)}


@fault(
    caught_by=("collator.key_order",),
    seen_in_practice="Columns are unpacked by position, which works only until the data set is mapped again and its "
    "columns have another order.",
)
def columns_by_position(pipeline: Pipeline) -> Pipeline:
    """The collator reads columns by position instead of by name."""
    known = (*_MODEL_COLUMNS, pipeline.label_column)
    names = tuple(name for name in pipeline.train_dataset.column_names if name in known)
    if len(names) <= _TWO:
        msg = "the rows have only one column beside the label"
        raise NotApplicable(msg)
    return with_features(pipeline, partial(_by_position, names=names))


_MODEL_COLUMNS = ("input_ids", "token_type_ids", "attention_mask")


def _by_position(features: Features, names: tuple[str, ...]) -> Features:
    return [dict(zip(names, feature.values(), strict=False)) for feature in features]


@fault(
    needs=(LABEL_PER_ROW, TEXTS),  # a number cannot be taken for tags, and collators of choices refuse the column
    caught_by=("collator.extra_column",),
    seen_in_practice="The last column of a row is taken as the label, which works only until somebody adds a column, "
    "such as an id or a split's name.",
)
def label_is_the_last_column(pipeline: Pipeline) -> Pipeline:
    """The collator reads the last column of each row as the label, also if the rows have an additional column."""
    known = {name for name in pipeline.train_dataset.column_names if name in (*_MODEL_COLUMNS, pipeline.label_column)}
    return with_features(pipeline, partial(_last_as_label, known=known, label=pipeline.label_column))


def _last_as_label(features: Features, known: set[str], label: str) -> Features:
    return [
        feature if set(feature) <= known else {**feature, label: list(feature.values())[-1]} for feature in features
    ]


@fault(
    caught_by=("collator.labels", "model.label_ids", "metrics.evaluated_rows"),
    seen_in_practice="Labels are collected with an index that is too high by one, or with zip over rows of which one "
    "was skipped.",
)
def labels_of_the_neighbour(pipeline: Pipeline) -> Pipeline:
    """Each row of a batch gets the label of the row after it."""
    return with_batches(pipeline, _moved)


def _moved(batch: Batch) -> Batch:
    key = label_key(batch)
    return {**batch, key: batch[key].roll(-1, dims=0)}


@fault(
    caught_by=("collator.determinism", "training.seeds"),
    seen_in_practice="Augmentation draws from a random.Random(0) that belongs to the collator; every worker process "
    "has a copy of it.",
)
def generator_of_its_own(pipeline: Pipeline) -> Pipeline:
    """The collator shortens rows at random, with its own random generator."""
    return with_features(pipeline, _RandomCut())


class _RandomCut:
    """Removes two tokens near the end of a tenth of the rows."""

    def __init__(self) -> None:
        self._random = Random(0)  # noqa: S311 - augmentation is no secret

    def __call__(self, features: Features) -> Features:
        return [self._cut(feature) for feature in features]

    def _cut(self, feature: dict[str, Any]) -> dict[str, Any]:
        if self._random.random() > 0.1:  # a tenth
            return feature
        return {
            name: value[:-2] + value[-1:] if isinstance(value, list) and len(value) > _TWO else value
            for name, value in feature.items()
        }


@fault(
    caught_by=("training.workers", "equivalence.workers"),
    seen_in_practice="For iterable data sets, each worker must select its part of the rows. The same code is used for "
    "a map-style data set, where the loader already gives each worker its own rows.",
)
def sharded_by_worker(pipeline: Pipeline) -> Pipeline:
    """With several data loading workers, each worker keeps only a part of its rows and loses the rest."""
    return with_features(pipeline, _own_share)


def _own_share(features: Features) -> Features:
    worker = get_worker_info()
    return features if worker is None else features[worker.id :: worker.num_workers] or features[:1]
