"""Checks of the outputs: green on a healthy run, red with a message that names the row on each planted defect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    MakeEvidence = Callable[..., Evidence]

LABELS = [1, 0, 2, 1]
LOGITS = np.array([[0, 9, 0], [9, 0, 0], [0, 0, 9], [0, 9, 0]], np.float32)
SCORES = Dataset.from_dict({"input_ids": [[5]] * 2, "labels": [0.0, 5.0]})


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


def changed(array: NDArray[Any], index: Any, value: float) -> NDArray[Any]:
    copy = array.copy()
    copy[index] = value
    return copy


def regression(scored_evidence: MakeEvidence, *values: float) -> Evidence:
    labels = np.linspace(0, 5, len(values))
    return scored_evidence(labels, np.array(values)[:, None], train_dataset=SCORES)


@pytest.mark.parametrize("name", ["logits_shape", "label_ids", "finite", "predictions"])
def test_healthy_run_has_no_findings(scored_evidence: MakeEvidence, name: str) -> None:
    assert judge(name, scored_evidence(LABELS, LOGITS)) == []


@pytest.mark.parametrize(
    "logits",
    [
        pytest.param(np.zeros((4, 2), np.float32), id="narrower head"),
        pytest.param(np.zeros((4, 5), np.float32), id="wider head"),
        pytest.param(LOGITS[:3], id="lost row"),
        pytest.param(np.concatenate([LOGITS, LOGITS[:1]]), id="repeated row"),
        pytest.param(LOGITS[:, 0], id="no column"),
        pytest.param(LOGITS[:, :, None], id="one axis more"),
    ],
)
def test_logits_of_another_shape_are_found(scored_evidence: MakeEvidence, logits: NDArray[Any]) -> None:
    (finding,) = judge("logits_shape", scored_evidence(LABELS, LOGITS, logits=logits))
    assert finding.check == "model.logits_shape"
    assert finding.subject == "mrpc with tiny-bert on bundled"
    assert finding.expected == "logits of shape (4, 3)"
    assert finding.observed == f"shape {logits.shape}"
    assert "num_labels of another task" in finding.hint


@pytest.mark.parametrize(
    ("ids", "observed"),
    [
        pytest.param([0, 1, 2, 1], "2 rows differ, the first is row 0: 0 instead of 1", id="reordered"),
        pytest.param([1, 0, 2, -100], "1 rows differ, the first is row 3: -100 instead of 1", id="masked"),
        pytest.param([1, 0, 2], "shape (3,)", id="lost"),
        pytest.param([[1], [0], [2], [1]], "shape (4, 1)", id="one axis more"),
    ],
)
def test_label_ids_of_other_rows_are_found(scored_evidence: MakeEvidence, ids: list[Any], observed: str) -> None:
    (finding,) = judge("label_ids", scored_evidence(LABELS, LOGITS, label_ids=np.array(ids)))
    assert finding.expected == "the 4 labels of the evaluation data set, in order"
    assert finding.observed == observed


def test_regression_labels_are_compared_in_the_precision_that_they_are_kept_in(scored_evidence: MakeEvidence) -> None:
    kept = np.array([0.1, 2.3], np.float32)
    assert judge("label_ids", scored_evidence([0.1, 2.3], np.zeros((2, 1)), label_ids=kept)) == []
    (finding,) = judge("label_ids", scored_evidence([0.1, 2.4], np.zeros((2, 1)), label_ids=kept))
    assert "row 1" in finding.observed


def test_nan_label_is_found(scored_evidence: MakeEvidence) -> None:
    labels = np.array([np.nan, 1.0], np.float32)
    assert judge("label_ids", scored_evidence([1.0, 1.0], np.zeros((2, 1)), label_ids=labels))


def test_labels_that_are_texts_cannot_be_compared(scored_evidence: MakeEvidence) -> None:
    rows = Dataset.from_dict({"input_ids": [[5], [6]], "labels": ["no", "yes"]})
    with pytest.raises(NotApplicable, match="the labels of the data set are not numbers"):
        judge("label_ids", scored_evidence([0, 1], np.zeros((2, 2)), eval_dataset=rows))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logit_that_is_not_finite_is_found(scored_evidence: MakeEvidence, value: float) -> None:
    (finding,) = judge("finite", scored_evidence(LABELS, LOGITS, logits=changed(LOGITS, (2, 1), value)))
    assert finding.observed.startswith("1 of 4 rows are not finite, the first is row 2: [")
    assert str(value) in finding.observed


def test_predictions_of_a_wider_head_are_found(scored_evidence: MakeEvidence) -> None:
    (finding,) = judge("predictions", scored_evidence([1, 0, 1, 1], np.zeros((4, 2)), logits=LOGITS))
    assert finding.expected == "4 predictions from 0 to 1"
    assert finding.observed == "shape (4,), 1 outside, the first is row 2: 2"


@pytest.mark.parametrize("value", [-5.0, 0.0, 2.5, 10.0])
def test_regression_may_overshoot_by_the_range_of_the_labels(scored_evidence: MakeEvidence, value: float) -> None:
    assert judge("predictions", regression(scored_evidence, 1.0, value)) == []


@pytest.mark.parametrize("value", [-5.1, 10.1, np.nan, np.inf, -np.inf])
def test_regression_far_outside_the_labels_is_found(scored_evidence: MakeEvidence, value: float) -> None:
    evidence = regression(scored_evidence, 1.0, 2.0)
    evidence = regression(scored_evidence, 1.0, value) if np.isfinite(value) else evidence
    if not np.isfinite(value):
        evidence.run.logits[1, 0] = value
    (finding,) = judge("predictions", evidence)
    assert finding.expected == "2 predictions from -5 to 10"
    assert finding.observed.startswith("shape (2,), 1 outside, the first is row 1: ")


def test_one_logit_with_a_loss_of_ones_own_has_its_own_scale(
    scored_evidence: MakeEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_ftcheck.checks.model.outputs.own_loss", lambda _: ("compute_loss",))
    with pytest.raises(NotApplicable, match=r"the loss is the user's own \(compute_loss\)"):
        judge("predictions", regression(scored_evidence, 1.0, -50.0))


def test_predictions_of_another_shape_are_found(scored_evidence: MakeEvidence) -> None:
    evidence = scored_evidence(LABELS, LOGITS, logits=np.zeros((4, 3, 2), np.float32))
    (finding,) = judge("predictions", evidence)
    assert finding.observed == "shape (4, 3), 0 outside"
