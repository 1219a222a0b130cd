"""The checks of the reported metrics: quiet where they are what they are called, red where they are not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import metrics as sk

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.metrics import reported
from pytest_ftcheck.pipeline.card_source import CardEvaluation, CardSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    MakeEvidence = Callable[..., Evidence]

ROWS = 200


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"metrics.{name}"], evidence)


def observed(name: str, evidence: Evidence) -> list[str]:
    return [finding.observed for finding in judge(name, evidence)]


def scores(width: int = 2, *, rows: int = ROWS, strength: float = 1.5, seed: int = 0) -> tuple[Any, Any]:
    """Labels ``[N]`` and logits ``[N, K]`` of a model that is right in most rows; values for one column."""
    random = np.random.default_rng(seed)
    if width == 1:
        values = random.uniform(0, 5, rows).astype(np.float32)
        return values, (values + random.normal(size=rows))[:, None]
    labels = random.integers(width, size=rows)
    logits = random.normal(size=(rows, width))
    logits[np.arange(rows), labels] += strength
    return labels, logits


# -- metrics.recomputed -----------------------------------------------------------------------------------------------


def classified(width: int, how: Callable[[Any, Any, Any], Mapping[str, float]]) -> tuple[Any, Any, dict[str, float]]:
    labels, logits = scores(width)
    return labels, logits, dict(how(labels, logits.argmax(axis=1), logits))


RIGHT: dict[str, tuple[int, Callable[[Any, Any, Any], Mapping[str, float]]]] = {
    "accuracy": (2, lambda y, p, _: {"accuracy": sk.accuracy_score(y, p)}),
    "percent": (2, lambda y, p, _: {"eval_acc": 100 * sk.accuracy_score(y, p)}),
    "rounded": (3, lambda y, p, _: {"accuracy": round(sk.accuracy_score(y, p), 2)}),
    "f1 of a class": (2, lambda y, p, _: {"f1": sk.f1_score(y, p, pos_label=0)}),
    "f1 by average": (3, lambda y, p, _: {"f1": sk.f1_score(y, p, average="weighted")}),
    "named average": (3, lambda y, p, _: {"macro_f1": sk.f1_score(y, p, average="macro")}),
    "retrieval": (2, lambda y, p, _: {"precision": sk.precision_score(y, p), "recall": sk.recall_score(y, p)}),
    "correlation": (2, lambda y, p, _: {"mcc": sk.matthews_corrcoef(y, p)}),
    "balanced": (3, lambda y, p, _: {"balanced_accuracy": sk.balanced_accuracy_score(y, p)}),
    "area": (2, lambda y, _, z: {"roc_auc": sk.roc_auc_score(y, z[:, 1] - z[:, 0])}),
    "name of their own": (2, lambda *_: {"f1_class_0": 0.1, "accuracy_on_long_rows": 0.1, "score": 7.0}),
}


@pytest.mark.parametrize(("width", "how"), RIGHT.values(), ids=RIGHT.keys())
def test_right_metric_is_quiet(
    scored_evidence: MakeEvidence, width: int, how: Callable[[Any, Any, Any], Mapping[str, float]]
) -> None:
    labels, logits, metrics = classified(width, how)
    metrics |= {"balanced_accuracy": sk.balanced_accuracy_score(labels, logits.argmax(axis=1))}
    assert judge("recomputed", scored_evidence(labels, logits, metrics=metrics, compute_metrics=None)) == []


def test_right_regression_is_quiet(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(1)
    error = float(np.mean((logits[:, 0] - labels) ** 2))
    correlation = float(np.corrcoef(logits[:, 0], labels)[0, 1])
    metrics = {"mse": error, "rmse": round(math.sqrt(error), 3), "pearson": correlation, "spearmanr": 0.0}
    metrics["spearmanr"] = float(np.corrcoef(*(values.argsort().argsort() for values in (logits[:, 0], labels)))[0, 1])
    metrics |= {"mae": float(np.abs(logits[:, 0] - labels).mean()), "r2": float(sk.r2_score(labels, logits[:, 0]))}
    assert judge("recomputed", scored_evidence(labels, logits, metrics=metrics)) == []


WRONG: dict[str, tuple[int, Callable[[Any, Any, Any], Mapping[str, float]], str]] = {
    "wrong axis": (2, lambda y, _, z: {"accuracy": np.mean(np.resize(z.argmax(axis=0), len(y)) == y)}, " was reported"),
    "swapped": (2, lambda y, p, _: {"recall": sk.precision_score(y, p)}, "that is recall with predictions and refer"),
    "weighted f1 swapped": (
        3,
        lambda y, p, _: {"weighted_f1": sk.f1_score(p, y, average="weighted")},
        "that is weighted_f1 with predictions and references swapped",
    ),
    "another metric": (2, lambda y, p, _: {"f1": sk.matthews_corrcoef(y, p)}, "that is mcc"),
    "other rows": (2, lambda y, p, _: {"accuracy": sk.accuracy_score(y[:100], p[:100])}, " was reported"),
    "last batch dropped": (2, lambda y, p, _: {"accuracy": sk.accuracy_score(y[:192], p[:192])}, " was reported"),
    "error": (2, lambda y, p, _: {"accuracy": 1 - sk.accuracy_score(y, p)}, " was reported"),
}


@pytest.mark.parametrize(("width", "how", "said"), WRONG.values(), ids=WRONG.keys())
def test_wrong_metric_is_found(
    scored_evidence: MakeEvidence, width: int, how: Callable[[Any, Any, Any], Mapping[str, float]], said: str
) -> None:
    labels, logits, metrics = classified(width, how)
    (finding,) = judge("recomputed", scored_evidence(labels, logits, metrics=metrics, compute_metrics=None))
    assert f"{next(iter(metrics))} of the argmax over the last axis of the logits" in finding.expected
    assert said in finding.observed
    assert "argmax over the last axis" in finding.hint


def test_r2_with_swapped_arguments_is_named(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(1)
    metrics = {"r2": float(sk.r2_score(logits[:, 0], labels))}
    (text,) = observed("recomputed", scored_evidence(labels, logits, metrics=metrics, compute_metrics=None))
    assert text.endswith("that is r2 with predictions and references swapped")


def test_rows_without_a_label_may_count_or_not(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    labels[:50] = -100
    right = (logits.argmax(axis=1) == labels).sum()
    for metrics in ({"accuracy": right / 200}, {"accuracy": right / 150}):
        assert judge("recomputed", scored_evidence(labels, logits, metrics=metrics, compute_metrics=None)) == []


def test_metrics_of_other_logits_than_those_handed_back_are_found(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)

    def own(prediction: Any) -> dict[str, float]:
        return {"mean_logit": float(prediction.predictions.mean()), "eval_accuracy": 0.5}

    evidence = scored_evidence(labels, logits, metrics={"mean_logit": 3.0}, compute_metrics=own)
    (finding,) = judge("recomputed", evidence)
    assert finding.expected.endswith("as compute_metrics gives for the run's logits and label ids")
    assert finding.observed == "3 was reported"


def test_compute_metrics_that_differs_each_time_by_design_is_quiet(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    random = np.random.default_rng(0)

    def own(prediction: Any) -> dict[str, float]:
        return {"accuracy": float((prediction.predictions.argmax(-1) == labels).mean()), "drawn": random.random()}

    metrics = {"accuracy": float((logits.argmax(1) == labels).mean()), "drawn": 0.5}
    assert judge("recomputed", scored_evidence(labels, logits, metrics=metrics, compute_metrics=own)) == []


def hidden_states(prediction: Any) -> dict[str, float]:
    logits, hidden, _ = prediction.predictions
    return {"own": float(logits.mean() + hidden.mean())}


@pytest.mark.parametrize("own", [hidden_states, None])
def test_compute_metrics_that_cannot_be_called_again_is_not_asked(scored_evidence: MakeEvidence, own: Any) -> None:
    labels, logits = scores(2)
    evidence = scored_evidence(labels, logits, metrics={"own": 1.0}, compute_metrics=own)
    with pytest.raises(NotApplicable, match="no metric of a known name"):
        judge("recomputed", evidence)


def epoch(step: int, **metrics: float) -> dict[str, float]:
    return {"epoch": step / 10, "step": step, **metrics}


def test_kept_epoch_is_compared(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    own = scored_evidence(labels, logits).run.metrics
    best, worse = epoch(10, **own), epoch(20, loss=own["loss"] + 0.1, accuracy=own["accuracy"] - 0.1)
    for epochs, kept, count in (
        ((best, worse), 1, 0),
        ((best, worse), 2, 2),
        ((best, worse), None, 2),
        ((worse, epoch(20, **own)), None, 0),
        ((worse, epoch(15, loss=9.0)), None, 0),  # evaluated before the last step
    ):
        evidence = scored_evidence(labels, logits, epochs=epochs, best_epoch=kept, step_losses=(0.5,) * 20)
        assert len(judge("recomputed", evidence)) == count, (epochs, kept)


@pytest.mark.parametrize(("dearer", "level"), [(0.01, "warn"), (0.5, "fail"), (math.nan, "fail")])
def test_average_of_weights_may_take_the_place_of_the_last_ones(
    scored_evidence: MakeEvidence, monkeypatch: pytest.MonkeyPatch, dearer: float, level: str
) -> None:
    monkeypatch.setattr(reported, "own_callbacks", lambda _: "Average")
    labels, logits = scores(2)
    own = scored_evidence(labels, logits).run.metrics
    epochs = (epoch(20, loss=own["loss"] / (1 + dearer)),)
    (finding,) = judge("recomputed", scored_evidence(labels, logits, epochs=epochs, step_losses=(0.5,) * 20))
    assert finding.level == level
    assert finding.observed.endswith("for the weights that were kept (callbacks: Average)")


def test_epoch_finding_names_both_values(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    own = scored_evidence(labels, logits).run.metrics
    epochs = (epoch(10, **{**own, "accuracy": own["accuracy"] - 0.2}),)
    (finding,) = judge("recomputed", scored_evidence(labels, logits, epochs=epochs, best_epoch=1))
    logged = f"accuracy = {own['accuracy'] - 0.2:.6g}, as it was logged of epoch 1, the best"
    assert finding.expected == f"{logged}, within 0.01"
    assert finding.observed == f"{own['accuracy']:.6g} for the weights that were kept"
    assert "dropout" in finding.hint


# -- metrics.keys -----------------------------------------------------------------------------------------------------


def test_declared_metrics_that_are_there_are_quiet(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    metrics = {"loss": 0.3, "accuracy": 0.9, "f1": 0.9}
    assert judge("keys", scored_evidence(labels, logits, metrics=metrics)) == []


def test_absent_metrics_are_found(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    evidence = scored_evidence(labels, logits, args={"metric_for_best_model": "eval_f2"})
    absent, best = judge("keys", evidence)
    assert absent.expected == "a metric 'f1': the card declares it"
    assert absent.observed == "only loss, accuracy"
    assert best.expected == "a metric 'f2': it is metric_for_best_model"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_metrics_that_are_not_finite_are_found(scored_evidence: MakeEvidence, value: float) -> None:
    labels, logits = scores(2)
    metrics = {"loss": value, "accuracy": 0.9, "f1": value}
    first, second = judge("keys", scored_evidence(labels, logits, metrics=metrics))
    assert (first.expected, first.observed) == ("a finite f1: the card declares it", str(value))
    assert second.expected == "a finite evaluation loss"


def test_metric_that_nobody_declared_is_a_warning_where_it_is_nan(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    metrics = {"loss": 0.3, "accuracy": 0.9, "f1": 0.9, "auc": math.nan}
    (found,) = judge("keys", scored_evidence(labels, logits, metrics=metrics))
    assert (found.expected, found.observed) == ("a number for auc, which is reported", "nan")
    assert found.level == "warn"  # it decides nothing


def test_of_a_users_metrics_only_those_that_decide_are_needed(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    source = CardSource(evaluation=CardEvaluation(gives_all_declared=False))
    card = replace(scored_evidence(labels, logits).pipeline.card, floor_tables={})
    metrics = {"accuracy": 0.9}
    assert judge("keys", scored_evidence(labels, logits, metrics=metrics, source=source, card=card)) == []
    (finding,) = judge("keys", scored_evidence(labels, logits, metrics={"f1": 0.9}, source=source, card=card))
    assert finding.expected == "a metric 'accuracy': the card declares it"


# -- metrics.last_epoch -----------------------------------------------------------------------------------------------


def course(make: MakeEvidence, values: list[float], kept: int | None = None, key: str = "accuracy", **more: Any) -> Any:
    labels, logits = scores(1 if key in {"pearson", "mse"} else 2)
    epochs = tuple(epoch(10 * (index + 1), loss=0.5, **{key: value}) for index, value in enumerate(values))
    metrics = {"loss": 0.5, key: values[-1] if kept is None else values[kept - 1]}
    return make(labels, logits, metrics=metrics, epochs=epochs, best_epoch=kept, **more)


@pytest.mark.parametrize(
    ("values", "kept"),
    [([0.7, 0.8, 0.85], None), ([0.9, 0.86], None), ([0.9, 0.5], 1), ([0.8, 0.9, 0.6], 2), ([90.0, 86.0], None)],
)
def test_kept_weights_about_as_good_as_the_best_are_quiet(
    scored_evidence: MakeEvidence, values: list[float], kept: int | None
) -> None:
    assert judge("last_epoch", course(scored_evidence, values, kept)) == []


@pytest.mark.parametrize(
    ("values", "kept", "key", "said"),
    [
        (
            [0.9, 0.5],
            None,
            "accuracy",
            "0.5 with the weights that were kept, the last ones; over the evaluations: 0.9,",
        ),
        ([0.6, 0.9], 1, "accuracy", "0.6 with the weights that were kept, those of epoch 1"),
        ([90.0, 60.0], None, "accuracy", "60 with the weights that were kept"),
        ([0.9, 0.1], None, "pearson", "0.1 with the weights that were kept"),
        ([0.5, 2.0], None, "mse", "2 with the weights that were kept"),
    ],
)
def test_collapse_at_the_end_is_found(
    scored_evidence: MakeEvidence, values: list[float], kept: int | None, key: str, said: str
) -> None:
    args = {"metric_for_best_model": key}
    (finding,) = judge("last_epoch", course(scored_evidence, values, kept, key, args=args))
    assert finding.observed.startswith(said)
    assert f"reached {min(values) if key == 'mse' else max(values):.4g}" in finding.expected
    assert "load_best_model_at_end" in finding.hint


def test_loss_may_rise_while_the_metric_stays(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    rising = tuple(epoch(10 * step, loss=0.1 * step**2, accuracy=0.9) for step in range(1, 6))
    for chosen in ({}, {"metric_for_best_model": "loss"}):
        evidence = scored_evidence(labels, logits, metrics={"loss": 2.5, "accuracy": 0.9}, epochs=rising, args=chosen)
        assert judge("last_epoch", evidence) == []
    alone = tuple({key: value for key, value in entry.items() if key != "accuracy"} for entry in rising)
    (text,) = observed("last_epoch", scored_evidence(labels, logits, metrics={"loss": 2.5}, epochs=alone))
    assert text.startswith("2.5 with the weights that were kept")


def test_one_evaluation_has_nothing_to_compare(scored_evidence: MakeEvidence) -> None:
    with pytest.raises(NotApplicable, match="fewer than two evaluations"):
        judge("last_epoch", course(scored_evidence, [0.9]))


def test_model_that_was_not_trained_has_no_epochs(scored_evidence: MakeEvidence) -> None:
    with pytest.raises(NotApplicable, match="nothing was trained"):
        judge("last_epoch", course(scored_evidence, [0.9, 0.1], trains=False))


# -- what is not one label and one prediction a row --------------------------------------------------------------------


ODD: dict[str, tuple[NDArray[Any], NDArray[Any], str]] = {
    "tokens": (np.zeros((4, 7)), np.zeros((4, 7, 3)), "label ids of shape"),
    "several labels": (np.zeros((4, 3)), np.zeros((4, 3)), "label ids of shape"),
    "row lost": (np.zeros(4), np.zeros((3, 2)), "3 predictions for 4 labels"),
    "one logit": (np.zeros(4), np.zeros((4, 1)), "a logit for each class; the evaluation gave one a row"),
    "one axis more": (np.zeros(4), np.zeros((4, 3, 2)), "gave shape"),
    "values": (np.zeros(4), np.full(4, 0.5), "gave values such as 0.5"),
}


@pytest.mark.parametrize(("labels", "logits", "why"), ODD.values(), ids=ODD.keys())
def test_other_outputs_are_not_judged(
    scored_evidence: MakeEvidence, labels: NDArray[Any], logits: NDArray[Any], why: str
) -> None:
    evidence = scored_evidence(np.zeros(4, int), np.zeros((4, 2)), logits=logits, label_ids=labels)
    for name in ("not_constant", "beats_trivial", "label_permutation", "loss_agrees"):
        with pytest.raises(NotApplicable, match=why):
            judge(name, evidence)


def test_class_ids_in_the_place_of_logits_are_judged_as_predictions(scored_evidence: MakeEvidence) -> None:
    labels, logits = scores(2)
    ids = logits.argmax(axis=1)
    right = {"accuracy": float((ids == labels).mean())}
    evidence = scored_evidence(labels, ids, metrics=right | {"loss": 0.5})
    for name in ("recomputed", "not_constant", "beats_trivial", "label_permutation"):
        assert judge(name, evidence) == []
    assert judge("label_permutation", scored_evidence(1 - labels, ids))
    for name in ("loss_agrees", "raw_logits"):
        with pytest.raises(NotApplicable, match="class ids"):
            judge(name, evidence)


def test_the_checks_of_the_family_cost_a_run_but_those_of_compute_metrics_or_masks_alone() -> None:
    family = [entry for entry in catalogue().values() if entry.family == "metrics"]
    assert {entry.name for entry in family if entry.cost != "run"} == {
        "definition",
        "label_threshold",
        "evaluation_masks",
    }
    assert all(entry.meaning.endswith(".") and entry.hint.endswith(".") for entry in family)
