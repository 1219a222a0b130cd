"""Faults of ``compute_metrics`` report what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from transformers import EvalPrediction

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_ftcheck.pipeline.parts import Pipeline

LABELS = np.array([1, 1, 0, 1])
LOGITS = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # three of four are right


def metrics(pipeline: Pipeline, name: str, logits: NDArray[np.float64] = LOGITS) -> dict[str, float]:
    compute = faults()[name].plant(pipeline).compute_metrics
    assert compute is not None
    return compute(EvalPrediction(predictions=logits, label_ids=LABELS))


def test_the_prediction_of_the_first_row_stands_for_all(mrpc: Pipeline) -> None:
    assert metrics(mrpc, "metric_over_the_wrong_axis")["accuracy"] == 0.75
    assert metrics(mrpc, "metric_over_the_wrong_axis", LOGITS[::-1].copy())["accuracy"] == 0.75
    assert metrics(mrpc, "metric_over_the_wrong_axis", 1 - LOGITS)["accuracy"] == 0.25


def test_precision_and_recall_change_places(mrpc: Pipeline) -> None:
    found = metrics(mrpc, "metric_arguments_swapped")
    assert found["accuracy"] == 0.75
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == 1.0


def test_r2_is_of_the_labels(healthy: Callable[..., Pipeline]) -> None:
    compute = faults()["metric_arguments_swapped"].plant(healthy("stsb")).compute_metrics
    assert compute is not None
    values, labels = np.array([[1.0], [2.0], [4.0]]), np.array([1.0, 2.0, 3.0])
    variance = ((values - values.mean()) ** 2).sum()
    assert compute(EvalPrediction(predictions=values, label_ids=labels))["r2"] == pytest.approx(1 - 1 / variance)


def test_the_best_so_far_is_reported(mrpc: Pipeline) -> None:
    planted = faults()["best_epoch_reported_as_last"].plant(mrpc)
    compute = planted.compute_metrics
    assert compute is not None
    values = [
        compute(EvalPrediction(predictions=given, label_ids=LABELS))["accuracy"]
        for given in (1 - LOGITS, LOGITS, 1 - LOGITS)
    ]
    assert values == [0.25, 0.75, 0.75]
    assert planted.args["load_best_model_at_end"] is False


def test_a_metric_is_renamed(mrpc: Pipeline) -> None:
    assert set(metrics(mrpc, "metric_renamed")) == {"accuracy_score", "f1"}


def test_without_metrics_there_is_nothing_to_plant(mrpc: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="the pipeline has no compute_metrics"):
        faults()["metric_renamed"].plant(replace(mrpc, compute_metrics=None))
