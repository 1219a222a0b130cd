"""Faults of rows that have any number of labels: their vectors, their loss and their metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset, Features, Sequence, Value
from torch.nn.functional import cross_entropy
from transformers import EvalPrediction

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import FLOOR, fault
from pytest_ftcheck.faults.planting import labels_of, raw, tokenized, with_labels, with_model, with_rows
from pytest_ftcheck.faults.rows import SPLITS
from pytest_ftcheck.heads.traits import LABEL_SETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

_HALF = 0.5


@fault(
    needs=(LABEL_SETS,),
    caught_by=("data.labels_per_row",),
    seen_in_practice="The vectors of the train rows are made of labels[0], or of a column that holds only the main "
    "label.",
)
def first_label_only(pipeline: Pipeline) -> Pipeline:
    """Only the first label of each train row is kept."""
    return with_labels(pipeline, "train", [_first(vector) for vector in labels_of(pipeline, "train")])


def _first(vector: list[float]) -> list[float]:
    first = next((label for label, value in enumerate(vector) if value > _HALF), None)
    return [float(label == first) for label in range(len(vector))]


@fault(
    needs=(LABEL_SETS,),
    caught_by=("data.labels_in_train",),
    seen_in_practice="The table of the train rows lacks one column, and the vectors are filled up with zeros.",
)
def label_column_zeroed(pipeline: Pipeline) -> Pipeline:
    """No train row has the most frequent label any more."""
    vectors = np.asarray(labels_of(pipeline, "train"))
    vectors[:, int(vectors.sum(axis=0).argmax())] = 0
    return with_labels(pipeline, "train", vectors.tolist())


@fault(
    needs=(LABEL_SETS,),
    caught_by=("data.rows_without_label",),
    seen_in_practice="A join on an id that is written in two ways leaves rows without labels, and fillna(0) keeps "
    "these rows.",
)
def labels_lost_in_evaluation(pipeline: Pipeline) -> Pipeline:
    """A third of the evaluated rows have lost their labels."""
    vectors = np.asarray(labels_of(pipeline, "evaluation"))
    vectors[::3] = 0
    return with_labels(pipeline, "evaluation", vectors.tolist())


@fault(
    needs=(LABEL_SETS,),
    whole_run=True,
    caught_by=("metrics.label_columns",),
    seen_in_practice="MultiLabelBinarizer is fitted on each split: its columns are the labels that occur in this "
    "split.",
)
def label_columns_moved_in_evaluation(pipeline: Pipeline) -> Pipeline:
    """The columns of the evaluated vectors are in another order than those of the train rows."""
    return with_labels(pipeline, "evaluation", np.roll(labels_of(pipeline, "evaluation"), 1, axis=1).tolist())


@fault(
    needs=(LABEL_SETS,),
    caught_by=("collator.dtype",),
    seen_in_practice="Vectors of 0 and 1 as integers: binary cross entropy takes floats, and fails or computes "
    "something else.",
)
def label_sets_as_integers(pipeline: Pipeline) -> Pipeline:
    """The vectors hold integers."""
    for split in SPLITS:
        rows = tokenized(pipeline, split)
        vectors = [[int(value > _HALF) for value in vector] for vector in labels_of(pipeline, split)]
        features = Features({**rows.features, pipeline.label_column: Sequence(Value("int64"))})
        made = Dataset.from_dict({**rows.with_format(None).to_dict(), pipeline.label_column: vectors}, features)
        pipeline = with_rows(pipeline, split, made, made if raw(pipeline, split) is rows else None)
    return pipeline


@fault(
    needs=(LABEL_SETS,),
    caught_by=("model.labels_compete", "metrics.loss_agrees"),
    seen_in_practice="A custom loss calls torch's cross entropy: it accepts vectors of floats without a warning, and "
    "treats them as class probabilities.",
)
def labels_share_a_softmax(pipeline: Pipeline) -> Pipeline:
    """The loss is cross entropy with a softmax over the labels."""
    if not pipeline.source.loss.is_of_model:
        msg = "the loss is computed outside the model"
        raise NotApplicable(msg)
    return with_model(pipeline, _compete)


def _compete(model: Any) -> None:
    model.register_forward_hook(_competing, with_kwargs=True)


def _competing(module: Any, args: Any, inputs: dict[str, Any], output: Any) -> Any:
    del module, args
    if getattr(output, "loss", None) is not None:
        output.loss = cross_entropy(output.logits, inputs["labels"])
    return output


@dataclass(frozen=True)
class _OfShiftedLogits:
    """A ``compute_metrics`` that predicts a label if its raw logit is above 0.5."""

    own: Callable[[EvalPrediction], dict[str, float]]

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        logits: Any = evaluated.predictions
        logits = logits[0] if isinstance(logits, tuple) else logits
        return self.own(EvalPrediction(predictions=np.asarray(logits) - _HALF, label_ids=evaluated.label_ids))


@fault(
    needs=(LABEL_SETS,),
    caught_by=("metrics.label_threshold",),
    seen_in_practice="predictions > 0.5 on logits, without a sigmoid: a weak model then predicts hardly any label.",
)
def threshold_on_raw_logits(pipeline: Pipeline) -> Pipeline:
    """The metrics treat logits as probabilities."""
    if pipeline.compute_metrics is None:
        msg = "the pipeline has no compute_metrics"
        raise NotApplicable(msg)
    return replace(pipeline, compute_metrics=_OfShiftedLogits(pipeline.compute_metrics))


@fault(
    needs=(LABEL_SETS,),
    whole_run=True,
    caught_by=("metrics.labels_answered",),
    seen_in_practice="One column of the table of annotations is sorted, and the other columns are not.",
)
def label_column_shuffled(pipeline: Pipeline) -> Pipeline:
    """In the train rows, the column of the most frequent label belongs to other rows."""
    vectors = np.asarray(labels_of(pipeline, "train"))
    column = int(vectors.sum(axis=0).argmax())
    vectors[:, column] = np.random.default_rng(20).permutation(vectors[:, column])
    return with_labels(pipeline, "train", vectors.tolist())


@fault(
    needs=(LABEL_SETS,),
    whole_run=True,
    caught_by=("metrics.beats_label_sets", FLOOR),
    seen_in_practice="Texts and vectors are kept in two files, and one of them is sorted.",
)
def label_sets_of_other_rows(pipeline: Pipeline) -> Pipeline:
    """The vectors of the train rows belong to other rows."""
    vectors = labels_of(pipeline, "train")
    return with_labels(pipeline, "train", [vectors[row] for row in np.random.default_rng(20).permutation(len(vectors))])
