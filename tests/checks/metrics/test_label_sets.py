"""Answers of any number of labels: each column its own label, none lost, and better than the same for all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, catalogue, run_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

ROWS, LABELS = 300, 6
CHECKS = ("label_columns", "labels_answered", "beats_label_sets")


@pytest.fixture
def labels() -> Any:
    return (np.random.default_rng(0).random((ROWS, LABELS)) < 0.3).astype(np.float32)


@pytest.fixture
def logits(labels: Any) -> Any:
    """Right about most labels."""
    return np.random.default_rng(1).normal(4 * labels - 2, 1.5)


def judged(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"metrics.{name}"], evidence)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("skill", [4.0, 1.5])
def test_models_that_know_their_labels_pass(
    name: str, skill: float, label_set_evidence: Callable[..., Evidence], labels: Any
) -> None:
    for seed in range(10):
        made = np.random.default_rng(seed).normal(skill * labels - skill / 2, 1.5)
        assert judged(name, label_set_evidence(labels, made)) == []


def test_columns_in_another_order_are_named(
    label_set_evidence: Callable[..., Evidence], labels: Any, logits: Any
) -> None:
    (found,) = judged("label_columns", label_set_evidence(labels[:, [1, 0, 2, 3, 4, 5]], logits))
    assert found.observed.startswith("'label 0' by the column of 'label 1' (area under the ROC curve 0.9")
    (found,) = judged("label_columns", label_set_evidence(np.roll(labels, 1, axis=1), logits))
    assert found.observed.endswith("and 1 more")


def test_labels_that_occur_together_are_no_other_order(
    label_set_evidence: Callable[..., Evidence], labels: Any
) -> None:
    labels[:, 1] = labels[:, 0]
    labels[:60, 1] = 0
    logits = np.random.default_rng(1).normal(4 * labels - 2, 1.5)
    logits[:, 1] = np.random.default_rng(2).normal(size=ROWS)  # learned nothing
    assert judged("label_columns", label_set_evidence(labels, logits)) == []


def test_a_label_that_no_row_is_given_is_named(
    label_set_evidence: Callable[..., Evidence], labels: Any, logits: Any
) -> None:
    logits[:, 3] = -3 + np.random.default_rng(1).normal(size=ROWS) / 10
    (found,) = judged("labels_answered", label_set_evidence(labels, logits))
    assert found.level == "fail"
    assert found.observed.startswith(f"'label 3' is given to no row, {int(labels[:, 3].sum())} of 300 have it, area")
    logits[:, 3] = 7
    (found,) = judged("labels_answered", label_set_evidence(labels, logits))
    assert "'label 3' is given to every row" in found.observed


def test_a_label_that_is_ranked_and_never_given_warns(
    label_set_evidence: Callable[..., Evidence], labels: Any, logits: Any
) -> None:
    logits[:, 3] -= 50
    (found,) = judged("labels_answered", label_set_evidence(labels, logits))
    assert found.level == "warn"


def test_a_model_that_knows_nothing_is_red(label_set_evidence: Callable[..., Evidence], labels: Any) -> None:
    noise = np.random.default_rng(3).normal(size=labels.shape)
    (found,) = judged("beats_label_sets", label_set_evidence(labels, noise))
    assert found.observed.startswith("a mean area under the ROC curve of 0.")
    with pytest.raises(NotApplicable, match="too few to tell a weak model from chance"):
        judged("beats_label_sets", label_set_evidence(labels[:60], noise[:60]))


def test_few_rows_and_other_shapes_are_told(label_set_evidence: Callable[..., Evidence], labels: Any) -> None:
    for name in CHECKS:
        with pytest.raises(NotApplicable, match="has 10 evaluated rows with it and as many without"):
            judged(name, label_set_evidence(labels[:9], labels[:9]))
        with pytest.raises(ReportedBy, match="the evaluation gave logits"):
            judged(name, label_set_evidence(labels, labels[:, :3]))


# What compute_metrics says


def of_answers(answer: Callable[[Any], Any], name: str = "f1", average: str = "micro") -> Callable[[Any], Any]:
    def compute(evaluated: Any) -> dict[str, float]:
        labels, given = evaluated.label_ids > 0.5, answer(evaluated.predictions)
        if name == "accuracy":
            return {name: float(accuracy_score(labels, given))}
        return {name: float(f1_score(labels, given, average=average, zero_division=0))}

    return compute


def sigmoid(logits: Any) -> Any:
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize(
    "compute",
    [
        of_answers(lambda logits: logits > 0),
        of_answers(lambda logits: sigmoid(logits) >= 0.5, "eval_micro_f1"),
        of_answers(lambda logits: logits > 0, "f1", "macro"),
        of_answers(lambda logits: logits > 0, "accuracy"),
        of_answers(lambda logits: sigmoid(logits) > np.linspace(0.2, 0.8, LABELS)),
        of_answers(lambda logits: logits > 0.5, "our_score"),
        lambda evaluated: {"accuracy": float(np.mean(evaluated.predictions.sum(1) > 0))},
    ],
    ids=["logits", "sigmoid", "macro", "accuracy", "a threshold for each", "a name of one's own", "another accuracy"],
)
def test_right_and_unknown_metrics_pass(
    compute: Any, label_set_evidence: Callable[..., Evidence], labels: Any, logits: Any
) -> None:
    assert judged("label_threshold", label_set_evidence(labels, logits, compute_metrics=compute)) == []


@pytest.mark.parametrize(
    ("compute", "words"),
    [
        (of_answers(lambda logits: logits > 0.5), "0.5 as the threshold of raw logits"),
        (of_answers(lambda logits: np.eye(LABELS)[logits.argmax(1)] > 0), "argmax, one label for every row"),
        (of_answers(lambda logits: (-logits).argsort(1).argsort(1) < 3), "the 3 highest logits of every row"),
        (of_answers(lambda logits: sigmoid(logits) > 0.3), "probability is above 0.3, which neither the configuration"),
        (of_answers(lambda logits: logits > 0, "f1_macro"), ": it is f1_micro"),
        (of_answers(lambda logits: logits > 0.5, "accuracy"), "0.5 as the threshold of raw logits"),
    ],
    ids=["raw logits", "argmax", "the highest", "another threshold", "another average", "accuracy"],
)
def test_known_mistakes_are_named(
    compute: Any, words: str, label_set_evidence: Callable[..., Evidence], labels: Any, logits: Any
) -> None:
    (found,) = judged("label_threshold", label_set_evidence(labels, logits, compute_metrics=compute))
    assert words in found.observed
    assert "whose probability is above 0.5: " in found.expected


def test_an_accuracy_of_single_labels_warns(
    label_set_evidence: Callable[..., Evidence], labels: Any, logits: Any
) -> None:
    def compute(evaluated: Any) -> dict[str, float]:
        return {"accuracy": float(np.mean((evaluated.predictions > 0) == evaluated.label_ids))}

    (found,) = judged("label_threshold", label_set_evidence(labels, logits, compute_metrics=compute))
    assert (found.level, "it is label_accuracy, of single labels" in found.observed) == ("warn", True)


def test_another_threshold_may_stand_in_the_configuration(
    label_set_evidence: Callable[..., Evidence], labels: Any, logits: Any
) -> None:
    evidence = label_set_evidence(labels, logits, compute_metrics=of_answers(lambda given: sigmoid(given) > 0.3))
    evidence.fresh_model.config.threshold = 0.3
    assert judged("label_threshold", evidence) == []


# Checks of rows that apply as well


def test_the_loss_of_the_evaluation_is_binary_cross_entropy(
    label_set_evidence: Callable[..., Evidence], labels: Any, logits: Any
) -> None:
    evidence = label_set_evidence(labels, logits)
    each = np.logaddexp(0, logits.astype(np.float32)) - logits * labels
    evidence.run.metrics["loss"] = float(each.mean())  # type: ignore[index]  # a dict here
    assert judged("loss_agrees", evidence) == []
    evidence.run.metrics["loss"] = float(each.sum(axis=1).mean())  # type: ignore[index]
    (found,) = judged("loss_agrees", evidence)
    assert "the mean binary cross entropy of the logits of 300 rows" in found.expected
