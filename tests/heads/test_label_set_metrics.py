"""Metrics of label sets: what scikit-learn says, as functions of rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from sklearn import metrics

from pytest_ftcheck.heads.label_set_metrics import ScoringOfLabelSets
from pytest_ftcheck.heads.label_sets import HEAD
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows

NAMES = ("food", "film", "trade")


def rows(logits: Any, labels: Any) -> EvaluatedRows:
    return EvaluatedRows.of_logits(np.asarray(logits, float), np.asarray(labels, np.float32), HEAD.name, NAMES)


def value(name: str, evaluated: EvaluatedRows) -> float:
    metric = ScoringOfLabelSets().row_metric(name, evaluated)
    assert metric is not None
    return metric_value(metric)


# Few distinct logits, so that some are equal.
logits_and_labels = st.integers(1, 12).flatmap(
    lambda count: st.tuples(
        of_numpy.arrays(np.int64, (count, 3), elements=st.integers(-4, 4)),
        of_numpy.arrays(np.int64, (count, 3), elements=st.integers(0, 1)),
    )
)


@settings(max_examples=30, deadline=None)
@given(logits_and_labels)
def test_metrics_are_those_of_scikit_learn(pair: tuple[Any, Any]) -> None:
    logits, labels = pair
    evaluated, predicted = rows(logits + 0.5, labels), logits + 0.5 > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for average in ("micro", "macro", "weighted", "samples"):
            for name in ("f1", "precision", "recall"):
                right = getattr(metrics, f"{name}_score")(labels, predicted, average=average, zero_division=0)
                assert value(f"{name}_{average}", evaluated) == pytest.approx(right)
                assert value(f"{average}_{name}", evaluated) == pytest.approx(right)
        occurring = [column for column in range(3) if labels[:, column].any()]
        if occurring:
            right = metrics.average_precision_score(labels[:, occurring], logits[:, occurring], average="macro")
            assert value("average_precision", evaluated) == pytest.approx(right)
        else:
            assert np.isnan(value("average_precision", evaluated))
    assert value("subset_accuracy", evaluated) == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert value("hamming_loss", evaluated) == pytest.approx(metrics.hamming_loss(labels, predicted))
    assert value("film_f1", evaluated) == pytest.approx(
        metrics.f1_score(labels[:, 1], predicted[:, 1], zero_division=0)
    )


@given(logits_and_labels, st.integers(0, 2**31))
def test_average_precision_of_drawn_rows_is_that_of_these_rows(pair: tuple[Any, Any], seed: int) -> None:
    logits, labels = pair
    metric = ScoringOfLabelSets().row_metric("average_precision", rows(logits, labels))
    assert metric is not None
    counts = np.random.default_rng(seed).integers(0, 3, (2, len(logits))).astype(np.uint8)
    counts[:, 0] += 1
    for drawn, found in zip(counts, metric.over(counts), strict=True):
        again = rows(np.repeat(logits, drawn, axis=0), np.repeat(labels, drawn, axis=0))
        assert found == pytest.approx(value("average_precision", again), nan_ok=True)
    assert len(metric.leave_one_out()) == len(logits)


def test_a_logit_that_is_not_finite_is_a_wrong_answer() -> None:
    evaluated = rows([[np.nan, 3.0, -1.0]], [[1, 1, 0]])
    assert (value("subset_accuracy", evaluated), value("f1_micro", evaluated)) == (0.0, 0.5)


def test_what_is_no_metric_of_label_sets_is_none() -> None:
    evaluated = rows([[1.0, 1.0, 1.0]], [[1, 0, 1]])
    assert [ScoringOfLabelSets().row_metric(name, evaluated) for name in ("mcc", "drama_f1")] == [None, None]


def test_trivial_models_answer_the_most_frequent_labels() -> None:
    train = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1]], dtype=np.float32)
    constants = dict(HEAD.scoring.constants("f1_micro", train, train, NAMES))
    expected = ["never any label", "always food", "always the 2 most frequent labels", "always all labels"]
    assert list(constants) == expected
    assert value("f1_micro", constants["always food"]) == pytest.approx(2 * 3 / (3 + 6))
    ((name, shares),) = HEAD.scoring.constants("average_precision", train, train, NAMES)
    assert name == "the fraction of each label as its probability"
    assert value("average_precision", shares) == pytest.approx((1 + 2 / 3 + 1 / 3) / 3)
    assert HEAD.scoring.guesses("f1_micro", train, train, NAMES) == []
