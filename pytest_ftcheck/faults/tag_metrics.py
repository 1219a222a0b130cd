"""Faults of the metrics of tags: what ``compute_metrics`` makes of tokens that have none, and what it calls F1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from transformers import EvalPrediction

from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.metrics import Metrics, own_metrics
from pytest_ftcheck.heads.arrays import floats, to_array
from pytest_ftcheck.heads.traits import IGNORED, LABEL_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline


@dataclass(frozen=True)
class _IgnoredAsFirst:
    """Another ``compute_metrics``, called with labels whose -100 became the first class."""

    own: Callable[[EvalPrediction], Metrics]

    def __call__(self, evaluated: EvalPrediction) -> Metrics:
        labels = to_array(evaluated.label_ids)
        return self.own(EvalPrediction(evaluated.predictions, np.where(labels == IGNORED, 0, labels)))


@dataclass(frozen=True)
class _Accuracy:
    """Another ``compute_metrics``, with the accuracy of the words under every name."""

    own: Callable[[EvalPrediction], Metrics]

    def __call__(self, evaluated: EvalPrediction) -> Metrics:
        labels, logits = to_array(evaluated.label_ids), floats(evaluated.predictions)
        counts = labels != IGNORED
        right = float((logits.argmax(axis=-1) == labels)[counts].mean())
        return dict.fromkeys(self.own(evaluated), right)


@fault(
    needs=(LABEL_PER_TOKEN,),
    whole_run=True,
    caught_by=("metrics.recomputed",),
    seen_in_practice="labels[labels == -100] = 0, so that the ids can be decoded, and the rows are never filtered.",
)
def ignored_tokens_scored(pipeline: Pipeline) -> Pipeline:
    """The metric counts padding, special tokens and later pieces as words with the tag O."""
    return replace(pipeline, compute_metrics=_IgnoredAsFirst(own_metrics(pipeline)))


@fault(
    needs=(LABEL_PER_TOKEN,),
    whole_run=True,
    caught_by=("metrics.recomputed",),
    seen_in_practice="f1_score of scikit-learn with average='micro' over the flat tags: most are O, and it is 0.97 "
    "before anything is found.",
)
def accuracy_called_f1(pipeline: Pipeline) -> Pipeline:
    """The value reported as F1 is the accuracy of the words."""
    return replace(pipeline, compute_metrics=_Accuracy(own_metrics(pipeline)))
