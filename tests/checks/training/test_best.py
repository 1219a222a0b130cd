"""The weights that are kept are the best ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]
    Traced = Callable[..., Evidence]

CHECK = "training.best_checkpoint"
KEEPS = {"load_best_model_at_end": True, "save_strategy": "epoch", "metric_for_best_model": "accuracy"}


@pytest.fixture(scope="module")
def keeps(toy: Toy) -> Pipeline:
    return toy(**KEEPS)


def evaluations(*accuracies: float) -> dict[str, Any]:
    return {"epochs": tuple({"epoch": n, "accuracy": value, "loss": n / 10} for n, value in enumerate(accuracies, 1))}


def said(judged: Judged, evidence: Evidence) -> list[tuple[str, str]]:
    return [(entry.expected, entry.observed) for entry in judged(CHECK, evidence)]


@pytest.mark.parametrize(
    ("accuracies", "best"), [((0.6, 0.9, 0.8), 2), ((0.9, 0.9, 0.8), 2), ((0.9, 0.9, 0.8), 1), ((math.nan, 0.9), 2)]
)
def test_best_weights_are_healthy(
    judged: Judged, traced: Traced, keeps: Pipeline, accuracies: tuple[float, ...], best: int
) -> None:
    kept = {"accuracy": 0.9, "loss": best / 10}
    assert said(judged, traced(keeps, **evaluations(*accuracies), best_epoch=best, metrics=kept)) == []


def test_other_weights_than_the_best_are_found(judged: Judged, traced: Traced, keeps: Pipeline) -> None:
    wrong = traced(keeps, **evaluations(0.6, 0.9, 0.8), best_epoch=3, metrics={"accuracy": 0.8})
    assert said(judged, wrong) == [("the weights of evaluation 2 (accuracy = 0.9000)", "number 3 (accuracy = 0.8000)")]


def test_best_weights_that_are_not_loaded_are_found(judged: Judged, traced: Traced, keeps: Pipeline) -> None:
    last = traced(keeps, **evaluations(0.6, 0.9, 0.8), best_epoch=2, metrics={"accuracy": 0.8})
    assert said(judged, last) == [
        (
            "the weights of evaluation 2, the best by accuracy: accuracy = 0.9000",
            "accuracy = 0.8000 at the end, as in evaluation 3 of 3",
        )
    ]


def test_last_weights_of_a_real_run_are_found(judged: Judged, toy: Toy) -> None:
    class KeepsLast(Trainer):
        def _load_best_model(self) -> None:
            pass

    recipe = {**KEEPS, "metric_for_best_model": "loss", "learning_rate": 3e-2, "num_train_epochs": 4}
    assert judged(CHECK, toy(**recipe)) == []
    (found,) = judged(CHECK, toy(KeepsLast, **recipe))
    assert "the best by loss" in found.expected
    assert found.observed.endswith("as in evaluation 4 of 4")


def test_best_evaluation_between_two_checkpoints_cannot_be_loaded(judged: Judged, toy: Toy) -> None:
    """``save_steps`` may be a multiple of ``eval_steps``."""
    steps = {"eval_strategy": "steps", "eval_steps": 1, "save_strategy": "steps"}
    recipe = KEEPS | steps | {"metric_for_best_model": "loss", "learning_rate": 3e-2, "num_train_epochs": 4}
    assert judged(CHECK, toy(**recipe, save_steps=1)) == []
    with pytest.raises(NotApplicable, match=r"at step \d+, has no checkpoint that could be loaded"):
        judged(CHECK, toy(**recipe, save_steps=16))


@pytest.mark.parametrize(
    ("metric", "greater", "expected"),
    [
        ("accuracy", False, "accuracy: greater is better (greater_is_better = True)"),
        ("eval_loss", True, "loss: smaller is better (greater_is_better = False)"),
    ],
)
def test_direction_against_the_name_is_found(
    judged: Judged, toy: Toy, traced: Traced, metric: str, expected: str, *, greater: bool
) -> None:
    pipeline = toy(**KEEPS | {"metric_for_best_model": metric, "greater_is_better": greater})
    evidence = traced(pipeline, **evaluations(0.6, 0.6), best_epoch=None, metrics={})
    assert (expected, f"greater_is_better = {greater}") in said(judged, evidence)


def test_of_several_evaluation_sets_the_one_that_decides_is_looked_at(judged: Judged, toy: Toy, kit: Any) -> None:
    sets = {"easy": kit.rows(16, 3), "main": kit.rows(32, 2)}
    recipe = KEEPS | {"metric_for_best_model": "eval_main_loss", "num_train_epochs": 2}
    assert judged(CHECK, toy(parts={"eval_dataset": sets}, **recipe, greater_is_better=False)) == []
    (found,) = judged(CHECK, toy(parts={"eval_dataset": sets}, **recipe, greater_is_better=True))
    assert found.expected == "loss: smaller is better (greater_is_better = False)"


def test_early_stop_has_a_direction_without_best_weights(judged: Judged, toy: Toy, traced: Traced) -> None:
    stops = {"parts": {"callbacks": [EarlyStoppingCallback()]}, "metric_for_best_model": "accuracy"}
    assert said(judged, traced(toy(**stops, greater_is_better=True))) == []
    assert said(judged, traced(toy(**stops, greater_is_better=False))) != []


def test_last_weights_may_be_what_is_wanted(judged: Judged, traced: Traced) -> None:
    with pytest.raises(NotApplicable, match="keeps the last weights"):
        judged(CHECK, traced())


def test_metric_that_nobody_reports_is_not_judged(judged: Judged, toy: Toy, traced: Traced) -> None:
    pipeline = toy(**KEEPS | {"metric_for_best_model": "f1"})
    with pytest.raises(NotApplicable, match="no evaluation during training reported f1"):
        judged(CHECK, traced(pipeline, **evaluations(0.6, 0.9)))


class Keeps(TrainerCallback):
    """Keeps the weights of the first evaluation."""

    def __init__(self, copy: Callable[[Any], Any]) -> None:
        self.copy = copy
        self.best: Any = None

    def on_evaluate(self, *_: object, **kwargs: Any) -> None:
        self.best = self.best or self.copy(kwargs["model"])


def test_weights_that_are_copied_may_be_kept(judged: Judged, toy: Toy) -> None:
    def copies(model: Any) -> Any:
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}

    for copy in (copies, lambda model: dict(model.named_parameters())):
        assert judged("training.kept_weights", toy(parts={"callbacks": [Keeps(copy)]})) == []


def test_weights_that_are_kept_by_reference_are_found(judged: Judged, toy: Toy) -> None:
    for copy in (lambda model: model.state_dict(), lambda model: [dict(model.state_dict())]):
        (finding,) = judged("training.kept_weights", toy(parts={"callbacks": [Keeps(copy)]}))
        assert finding.observed.startswith("Keeps.best holds the tensors of state_dict() by reference")


def test_direction_of_a_name_that_says_nothing_is_the_users(judged: Judged, traced: Traced, toy: Toy) -> None:
    for name, found in (("usefulness", 0), ("cost", 0), ("risk", 0), ("accuracy", 1)):
        pipeline = toy(**(KEEPS | {"metric_for_best_model": name, "greater_is_better": False}))
        epochs = tuple({"epoch": n, name: n / 10, "loss": 0.5} for n in (1, 2))
        evidence = traced(pipeline, epochs=epochs, best_epoch=1, metrics={name: 0.1, "loss": 0.5})
        assert len(judged(CHECK, evidence)) == found, name
