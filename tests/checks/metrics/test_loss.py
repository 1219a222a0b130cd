"""The checks between logits and loss: quiet for plain losses, red where loss and logits do not belong together."""

from __future__ import annotations

from types import MethodType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy import special
from transformers import Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.pipeline.card_source import CardSource
from pytest_ftcheck.pipeline.own_parts import TrainerOwnParts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    MakeEvidence = Callable[..., Evidence]

LABELS = np.arange(60) % 3
LOGITS = np.random.default_rng(0).normal(size=(60, 3)) + 3 * np.eye(3)[LABELS]


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"metrics.{name}"], evidence)


def cross_entropy(logits: Any, labels: Any = LABELS, **options: Any) -> float:
    logits, labels = torch.as_tensor(logits).float(), torch.as_tensor(labels)
    return float(torch.nn.functional.cross_entropy(logits, labels, **options))


def test_cross_entropy_of_the_logits_is_quiet(scored_evidence: MakeEvidence) -> None:
    assert judge("loss_agrees", scored_evidence(LABELS, LOGITS, metrics={"loss": cross_entropy(LOGITS)})) == []


def test_label_smoothing_is_known(scored_evidence: MakeEvidence) -> None:
    metrics = {"loss": cross_entropy(LOGITS, label_smoothing=0.1)}
    smoothed = scored_evidence(LABELS, LOGITS, metrics=metrics, args={"label_smoothing_factor": 0.1})
    assert judge("loss_agrees", smoothed) == []
    assert judge("loss_agrees", scored_evidence(LABELS, LOGITS, metrics=metrics))


def test_rows_without_a_label_are_left_out_of_the_loss(scored_evidence: MakeEvidence) -> None:
    labels = np.where(np.arange(60) < 20, -100, LABELS)
    metrics = {"loss": cross_entropy(LOGITS, labels)}
    assert judge("loss_agrees", scored_evidence(labels, LOGITS, metrics=metrics)) == []


def test_squared_error_is_quiet(scored_evidence: MakeEvidence) -> None:
    labels = np.linspace(0, 5, 60)
    assert judge("loss_agrees", scored_evidence(labels, labels[:, None] + 0.5, metrics={"loss": 0.25})) == []
    (finding,) = judge("loss_agrees", scored_evidence(labels, labels[:, None] + 0.5, metrics={"loss": 0.3}))
    assert finding.expected.startswith("an evaluation loss of 0.25, the mean squared error of the logits of 60 rows")


@pytest.mark.parametrize("wrong", [1.05, 0.5, float("nan")])
def test_other_loss_is_found(scored_evidence: MakeEvidence, wrong: float) -> None:
    loss = cross_entropy(LOGITS)
    (finding,) = judge("loss_agrees", scored_evidence(LABELS, LOGITS, metrics={"loss": loss * wrong}))
    assert (
        finding.expected
        == f"an evaluation loss of {loss:.6g}, the mean cross entropy of the logits of 60 rows, within 0.001"
    )
    assert finding.observed == f"{loss * wrong:.6g}"
    assert "dropout" in finding.hint


class WithLoss(Trainer):
    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError(args, kwargs)


def source_of(kind: type[Trainer] = Trainer, compute_loss_func: Any = None) -> CardSource:
    made = SimpleNamespace(compute_loss_func=compute_loss_func)
    for name in ("compute_loss", "prediction_step", "evaluation_loop", "evaluate"):
        setattr(made, name, MethodType(getattr(kind, name), made))
    return CardSource(own=TrainerOwnParts(made))


def test_loss_of_a_users_own_is_not_judged(scored_evidence: MakeEvidence) -> None:
    metrics = {"loss": 9.0}
    assert judge("loss_agrees", scored_evidence(LABELS, LOGITS, metrics=metrics, source=source_of()))
    with pytest.raises(NotApplicable, match="the Trainer has a compute_loss of its own"):
        judge("loss_agrees", scored_evidence(LABELS, LOGITS, metrics=metrics, source=source_of(WithLoss)))
    with pytest.raises(NotApplicable, match="a compute_loss_func of its own"):
        judge("loss_agrees", scored_evidence(LABELS, LOGITS, metrics=metrics, source=source_of(compute_loss_func=sum)))


class OwnModel(torch.nn.Module):
    """A model that is none of transformers'."""


def test_model_of_a_users_own_is_not_judged(scored_evidence: MakeEvidence) -> None:
    with pytest.raises(NotApplicable, match="a class of its own, OwnModel"):
        judge("loss_agrees", scored_evidence(LABELS, LOGITS, metrics={"loss": 9.0}, model_init=OwnModel))


def test_evaluation_without_a_loss_is_not_judged(scored_evidence: MakeEvidence) -> None:
    with pytest.raises(NotApplicable, match="reported no loss"):
        judge("loss_agrees", scored_evidence(LABELS, LOGITS, metrics={"accuracy": 0.9}))


# -- metrics.raw_logits -----------------------------------------------------------------------------------------------


ACTIVATIONS: dict[str, tuple[Any, str]] = {
    "softmax": (special.softmax(LOGITS, axis=1), "the logits of each row are probabilities: they sum to 1"),
    "sigmoid": (special.expit(2 * LOGITS), "the logits lie between 0 and 1, as after a sigmoid"),
    "relu": (np.maximum(LOGITS, 0), "no logit is negative and many are exactly 0, as after a ReLU"),
    "tanh": (np.tanh(2 * LOGITS), "the logits lie between -1 and 1, many of them at the ends, as after a tanh"),
}


@pytest.mark.parametrize(("logits", "said"), ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
def test_activation_before_cross_entropy_is_found(scored_evidence: MakeEvidence, logits: Any, said: str) -> None:
    (finding,) = judge("raw_logits", scored_evidence(LABELS, logits, metrics={"loss": cross_entropy(logits)}))
    assert finding.expected == "logits without bounds: the loss applies the softmax"
    assert finding.observed.startswith(f"{said}, in all 60 rows; lowest ")


def test_probabilities_with_their_own_loss_are_not_judged(scored_evidence: MakeEvidence) -> None:
    probabilities = special.softmax(LOGITS, axis=1)
    with pytest.raises(NotApplicable, match="the evaluation loss is not their cross entropy"):
        judge("raw_logits", scored_evidence(LABELS, probabilities, metrics={"loss": cross_entropy(LOGITS)}))


@pytest.mark.parametrize("scale", [1.0, 0.01, 30.0])
def test_logits_without_bounds_are_quiet(scored_evidence: MakeEvidence, scale: float) -> None:
    for logits in (scale * LOGITS, special.log_softmax(scale * LOGITS, axis=1), 0.3 + 0.01 * np.abs(LOGITS)):
        assert judge("raw_logits", scored_evidence(LABELS, logits)) == []
