"""Faults of the metrics of tags: ``compute_metrics`` scores tokens without a tag, or computes another F1."""

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
    """Calls another ``compute_metrics`` with labels in which the first class replaces -100."""

    own: Callable[[EvalPrediction], Metrics]

    def __call__(self, evaluated: EvalPrediction) -> Metrics:
        labels = to_array(evaluated.label_ids)
        return self.own(EvalPrediction(evaluated.predictions, np.where(labels == IGNORED, 0, labels)))


@dataclass(frozen=True)
class _Accuracy:
    """Calls another ``compute_metrics``, and returns the accuracy of the words under every name."""

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
    seen_in_practice="labels[labels == -100] = 0, so that the ids can be decoded, and these tokens are never removed.",
)
def ignored_tokens_scored(pipeline: Pipeline) -> Pipeline:
    """The metric counts padding, special tokens and later pieces as words with the tag O."""
    return replace(pipeline, compute_metrics=_IgnoredAsFirst(own_metrics(pipeline)))


@fault(
    needs=(LABEL_PER_TOKEN,),
    whole_run=True,
    caught_by=("metrics.recomputed",),
    seen_in_practice="scikit-learn's f1_score with average='micro' over all tags: most tags are O, so that F1 is 0.97 "
    "for a model that finds no entity.",
)
def accuracy_called_f1(pipeline: Pipeline) -> Pipeline:
    """The reported F1 is the accuracy of the words."""
    return replace(pipeline, compute_metrics=_Accuracy(own_metrics(pipeline)))
