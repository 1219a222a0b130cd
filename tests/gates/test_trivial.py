"""Trivial classifiers: what they score, and floors that they reach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn import metrics as sk

from pytest_ftcheck.gates.trivial import best_trivial, reached_by_trivial, trivial_classifiers
from pytest_ftcheck.heads import classes, values

if TYPE_CHECKING:
    from pytest_ftcheck.heads.trivial import Trivial

MRPC = np.array([1] * 279 + [0] * 129)
"""Labels of MRPC's validation split."""
NAMES = ("not_equivalent", "equivalent")


def found(metric: str, labels: np.ndarray = MRPC, names: tuple[str, ...] = NAMES) -> dict[str, Trivial]:
    return {
        trivial.name: trivial for trivial in trivial_classifiers(metric, labels, head=classes.HEAD, label_names=names)
    }


def test_constants_of_mrpc_score_what_is_known_of_them() -> None:
    assert found("accuracy")["always equivalent, the majority"].value == pytest.approx(0.683824, abs=1e-6)
    assert found("f1")["always equivalent, the majority"].value == pytest.approx(0.812227, abs=1e-6)
    assert found("accuracy")["always not_equivalent"].value == pytest.approx(1 - 0.683824, abs=1e-6)
    assert found("f1")["always not_equivalent"].value == 0.0


@pytest.mark.parametrize("metric", ["accuracy", "f1", "precision", "recall", "matthews_correlation"])
def test_guessing_scores_what_many_guesses_score(metric: str) -> None:
    generator = np.random.default_rng(1)
    score = {"accuracy": sk.accuracy_score, "matthews_correlation": sk.matthews_corrcoef}.get(
        metric, getattr(sk, f"{metric}_score", None)
    )
    assert score is not None
    scores = [score(MRPC, (generator.uniform(size=408) < 279 / 408).astype(int)) for _ in range(150)]
    guessing = found(metric)["guessing by the fraction of each label"]
    assert guessing.value == pytest.approx(np.mean(scores), abs=0.015)
    # Ours draw the rows anew as well: their interval is as wide or wider.
    assert guessing.low < np.quantile(scores, 0.04)
    assert guessing.high > np.quantile(scores, 0.96)


def test_macro_average_of_five_classes_has_trivial_scores() -> None:
    labels = np.repeat(np.arange(5), 80)
    names = tuple("abcde")
    assert found("f1:macro", labels, names)["always a, the majority"].value == pytest.approx(1 / 15, abs=1e-6)
    assert found("f1:macro", labels, names)["guessing by the fraction of each label"].value == pytest.approx(
        0.2, abs=0.01
    )


def test_shares_come_from_training_where_it_is_given() -> None:
    train = np.array([0] * 90 + [1] * 10)
    classifiers = trivial_classifiers("accuracy", MRPC, head=classes.HEAD, label_names=NAMES, train_label_ids=train)
    assert classifiers[0].name == "always not_equivalent, the majority"
    assert classifiers[-1].value == pytest.approx(0.9 * 129 / 408 + 0.1 * 279 / 408)


def test_loss_of_the_shares_is_their_entropy() -> None:
    share = 279 / 408
    (trivial,) = trivial_classifiers("loss", MRPC, head=classes.HEAD, label_names=NAMES)
    assert trivial.value == pytest.approx(-share * math.log(share) - (1 - share) * math.log(1 - share))
    (brier,) = trivial_classifiers("brier_score", MRPC, head=classes.HEAD, label_names=NAMES)
    assert brier.value == pytest.approx(share * (1 - share))


def test_class_that_training_never_saw_costs_a_finite_loss() -> None:
    (trivial,) = trivial_classifiers(
        "loss", MRPC, head=classes.HEAD, label_names=NAMES, train_label_ids=np.ones(9, int)
    )
    assert math.isfinite(trivial.value)


def test_calibration_error_has_no_trivial_score() -> None:
    assert trivial_classifiers("expected_calibration_error", MRPC, head=classes.HEAD, label_names=NAMES) == []
    assert best_trivial([]) is None
    assert reached_by_trivial(0.5, None) == ""


def test_regression_is_held_against_the_mean_and_chance() -> None:
    labels = np.random.default_rng(0).uniform(0, 5, 400).astype(np.float32)
    (mean,) = trivial_classifiers("mse", labels, head=values.HEAD)
    assert mean.value == pytest.approx(labels.var(), rel=1e-5)
    (chance,) = trivial_classifiers("spearmanr", labels, head=values.HEAD)
    assert chance.value == 0.0
    assert chance.high == pytest.approx(0.098, abs=1e-3)


def test_best_is_the_hardest_to_beat_in_the_direction_of_the_metric() -> None:
    best = best_trivial(list(found("f1").values()))
    assert best is not None
    assert best.name == "always equivalent, the majority"
    lowest = best_trivial(
        trivial_classifiers("loss", MRPC, head=classes.HEAD, label_names=NAMES), greater_is_better=False
    )
    assert lowest is not None
    assert lowest.low < lowest.value


def test_floor_within_the_noise_of_a_trivial_classifier_is_named() -> None:
    best = best_trivial(list(found("f1").values()))
    assert best is not None
    assert best.high == pytest.approx(0.84, abs=0.01)
    message = reached_by_trivial(0.83, best)
    assert message.startswith(
        "the floor 0.8300 for f1 has no effect: 'always equivalent, the majority' scores 0.8122 on these rows"
    )
    assert f"must be above {best.high:.4f}" in message
    assert reached_by_trivial(0.85, best) == ""
    assert reached_by_trivial(math.nan, best) != ""


def test_ceiling_above_a_trivial_loss_is_named() -> None:
    best = best_trivial(
        trivial_classifiers("loss", MRPC, head=classes.HEAD, label_names=NAMES), greater_is_better=False
    )
    assert "the ceiling 0.6200 for loss has no effect" in reached_by_trivial(0.62, best, greater_is_better=False)
    assert reached_by_trivial(0.4, best, greater_is_better=False) == ""


def test_no_rows_have_no_trivial_classifier() -> None:
    assert trivial_classifiers("accuracy", np.zeros(0, int), head=classes.HEAD, label_names=NAMES) == []
