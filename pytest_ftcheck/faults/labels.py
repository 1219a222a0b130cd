"""Faults of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import concatenate_datasets

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import FLOOR, fault
from pytest_ftcheck.faults.planting import (
    is_one_table,
    labels_of,
    raw,
    tokenized,
    with_chosen,
    with_labels,
    with_rows,
)
from pytest_ftcheck.faults.rows import SPLITS
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

_SEED = 20
_PART = 0.5


def _shuffled(labels: list[Any]) -> list[Any]:
    """Shuffle labels among the rows; tags of tokens among rows of as many tokens, so that they can be collated."""
    alike: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        alike.setdefault(len(label) if isinstance(label, list) else 0, []).append(row)
    random, shuffled = np.random.default_rng(_SEED), list(labels)
    for rows in alike.values():
        for row, other in zip(rows, random.permutation(len(rows)), strict=True):
            shuffled[row] = labels[rows[other]]
    return shuffled


def _renumbered(labels: list[Any], classes: int) -> list[Any]:
    return [(label + 1) % classes for label in labels]


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    whole_run=True,
    caught_by=("data.sources_agree", "metrics.train_labels", FLOOR, "metrics.beats_trivial"),
    seen_in_practice="Two exports number the classes in different orders, and their rows are concatenated without "
    "conversion.",
)
def numbered_by_source(pipeline: Pipeline) -> Pipeline:
    """The second half of the train rows numbers the classes in another order."""
    labels = labels_of(pipeline, "train")
    half = len(labels) // 2
    return with_labels(pipeline, "train", labels[:half] + _renumbered(labels[half:], pipeline.card.num_labels))


@fault(
    whole_run=True,
    caught_by=(FLOOR, "metrics.beats_trivial"),
    seen_in_practice="Texts and labels are kept in two files or lists, and one of them is shuffled.",
)
def train_labels_shuffled(pipeline: Pipeline) -> Pipeline:
    """The labels of the train rows belong to other rows."""
    return with_labels(pipeline, "train", _shuffled(labels_of(pipeline, "train")))


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    whole_run=True,
    caught_by=("metrics.train_labels",),
    seen_in_practice="A join on a key that is not unique gives some rows the labels of other rows.",
)
def train_labels_shuffled_in_part(pipeline: Pipeline) -> Pipeline:
    """Half of the train labels are shuffled among their rows."""
    before = labels_of(pipeline, "train")
    labels, random = list(before), np.random.default_rng(_SEED)
    places = random.permutation(len(labels))[: int(_PART * len(labels))]
    for place, other in zip(places, random.permutation(places), strict=True):
        labels[place] = before[other]
    return with_labels(pipeline, "train", labels)


@fault(
    whole_run=True,
    caught_by=(FLOOR, "metrics.beats_trivial"),
    seen_in_practice="Predictions are compared with labels in another order, for example after a join that sorts.",
)
def evaluation_labels_shuffled(pipeline: Pipeline) -> Pipeline:
    """The labels of the evaluated rows belong to other rows."""
    return with_labels(pipeline, "evaluation", _shuffled(labels_of(pipeline, "evaluation")))


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    whole_run=True,
    caught_by=("metrics.label_permutation",),
    seen_in_practice="The validation file comes from another release, which numbers the classes in another order; this "
    "happened with MNLI.",
)
def evaluation_classes_renumbered(pipeline: Pipeline) -> Pipeline:
    """The evaluated rows number their classes in another order than the train rows."""
    labels = _renumbered(labels_of(pipeline, "evaluation"), pipeline.card.num_labels)
    return with_labels(pipeline, "evaluation", labels)


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("data.label_encoding",),
    seen_in_practice="Each split is encoded by its own LabelEncoder, or by a dictionary that was made from a set.",
)
def splits_encoded_apart(pipeline: Pipeline) -> Pipeline:
    """The same raw label has one class id in train and another in the evaluation."""
    if is_one_table(pipeline, "evaluation"):
        msg = "the rows have no raw labels beside the class ids"
        raise NotApplicable(msg)
    labels = _renumbered(labels_of(pipeline, "evaluation"), pipeline.card.num_labels)
    return with_labels(pipeline, "evaluation", labels, raw_too=False)


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("data.label_source",),
    seen_in_practice="names.index(name) if name else 0, or fillna(0): rows that nobody labelled get class 0.",
)
def missing_labels_are_class_0(pipeline: Pipeline) -> Pipeline:
    """A third of the train rows have no annotation, and the label of class 0."""
    labels, names = labels_of(pipeline, "train"), pipeline.card.label_names
    given = [None if row % 3 == 0 else names[label] for row, label in enumerate(labels)]
    labels = [0 if name is None else label for name, label in zip(given, labels, strict=True)]
    changed = with_labels(pipeline, "train", labels)
    return with_rows(changed, "train", raw=raw(changed, "train").add_column("annotation", given))


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("data.labels_in_range",),
    seen_in_practice="Stars from 1 to 5 are used as class ids; on a GPU, the loss then fails with a device-side "
    "assertion.",
)
def labels_from_1(pipeline: Pipeline) -> Pipeline:
    """Class ids start at 1."""
    for split in SPLITS:
        pipeline = with_labels(pipeline, split, [label + 1 for label in labels_of(pipeline, split)])
    return pipeline


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("data.classes_in_train",),
    seen_in_practice="Files are sorted by class, and only the first rows are read.",
)
def class_never_trained(pipeline: Pipeline) -> Pipeline:
    """The train rows lack a class."""
    return _without_last_class(pipeline, "train")


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("data.classes_in_evaluation",),
    seen_in_practice="The evaluation rows are the last rows of a file that is sorted by class.",
)
def class_never_evaluated(pipeline: Pipeline) -> Pipeline:
    """The evaluated rows lack a class."""
    return _without_last_class(pipeline, "evaluation")


def _without_last_class(pipeline: Pipeline, split: str) -> Pipeline:
    last = pipeline.card.num_labels - 1
    kept = [index for index, label in enumerate(labels_of(pipeline, split)) if label != last]
    return with_chosen(pipeline, split, kept)


@fault(
    needs=(LABEL_PER_ROW,),
    caught_by=("data.contradictions",),
    seen_in_practice="Two rounds of annotation are put into one file, and their disagreements are not resolved.",
)
def contradictory_annotations(pipeline: Pipeline) -> Pipeline:
    """Half of the train rows are duplicated with another label."""
    labels = labels_of(pipeline, "train")
    half = len(labels) // 2
    again = with_chosen(pipeline, "train", range(half))
    again = with_labels(again, "train", _others(pipeline, labels[:half]))
    rows = concatenate_datasets([tokenized(pipeline, "train"), tokenized(again, "train")])
    both = (
        rows if is_one_table(pipeline, "train") else concatenate_datasets([raw(pipeline, "train"), raw(again, "train")])
    )
    return with_rows(pipeline, "train", rows, both)


def _others(pipeline: Pipeline, labels: list[Any]) -> list[Any]:
    """Return labels that differ from these labels: the next class, or the other end of the scale."""
    if not pipeline.card.head_rules.values:
        return _renumbered(labels, pipeline.card.num_labels)
    low, high = min(labels), max(labels)
    return [low if label > (low + high) / 2 else high for label in labels]
