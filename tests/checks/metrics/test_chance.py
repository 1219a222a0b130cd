"""The checks of predictions against chance: quiet for weak but honest models, red for those that learned nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.metrics.rows import SingleLabelRows, chance_of_hits, confusion, ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    MakeEvidence = Callable[..., Evidence]

CHECKS = ("not_constant", "beats_trivial", "label_permutation")


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"metrics.{name}"], evidence)


def model(
    shares: Sequence[float], *, strength: float, rows: int = 400, seed: int = 0, calibrated: bool = True
) -> tuple[Any, Any]:
    """Labels and logits of a model with this much knowledge, which knows the classes' shares where it is calibrated."""
    random = np.random.default_rng(seed)
    labels = random.choice(len(shares), rows, p=shares)
    logits = random.normal(size=(rows, len(shares)))
    logits[np.arange(rows), labels] += strength
    return labels, strength * logits + (np.log(shares) if calibrated else 0.0)


HEALTHY: dict[str, tuple[Sequence[float], float, int, bool]] = {
    "good": ((0.5, 0.5), 3.0, 100, True),
    "accuracy 0.67 (real QNLI)": ((0.5, 0.5), 0.6, 1000, True),
    "MCC 0.3 of acceptable 0.7 (real CoLA)": ((0.3, 0.7), 0.8, 1043, True),
    "one in ten": ((0.9, 0.1), 1.0, 400, True),
    "one in thirty, never predicted": ((0.97, 0.03), 1.0, 2000, True),
    "one in ten, classes weighted": ((0.9, 0.1), 1.0, 400, False),
    "five stars": ((0.2,) * 5, 0.8, 400, True),
    "three unequal classes": ((0.6, 0.3, 0.1), 1.0, 400, True),
    "77 intents": ((1 / 77,) * 77, 2.0, 1000, True),
}


@pytest.mark.parametrize("kind", HEALTHY)
@pytest.mark.parametrize("seed", range(3))
def test_honest_model_is_quiet(scored_evidence: MakeEvidence, kind: str, seed: int) -> None:
    shares, strength, rows, calibrated = HEALTHY[kind]
    evidence = scored_evidence(*model(shares, strength=strength, rows=rows, seed=seed, calibrated=calibrated))
    assert [finding for name in CHECKS for finding in judge(name, evidence)] == []


@pytest.mark.parametrize("strength", [0.3, 1.0, 2.0])
def test_honest_regression_is_quiet(scored_evidence: MakeEvidence, strength: float) -> None:
    random = np.random.default_rng(0)
    labels = random.uniform(0, 5, 400).astype(np.float32)
    values = 2.5 + strength * 0.5 * (labels - 2.5) + random.normal(size=400)
    evidence = scored_evidence(labels, values[:, None])
    assert [finding for name in CHECKS for finding in judge(name, evidence)] == []


# -- metrics.not_constant ---------------------------------------------------------------------------------------------


def collapsed(share: float, *, rows: int = 408, noise: float = 1e-3) -> tuple[Any, Any]:
    """Labels and logits of a model that calls everything equivalent, as a diverged one does."""
    random = np.random.default_rng(0)
    labels = (np.arange(rows) < share * rows).astype(int)
    return labels, np.array([0.1, 0.9]) + noise * random.normal(size=(rows, 2))


def test_collapsed_classifier_is_found(scored_evidence: MakeEvidence) -> None:
    (finding,) = judge("not_constant", scored_evidence(*collapsed(0.684)))
    assert finding.expected == "predictions of several classes: the 408 labels are 280 equivalent, 128 not_equivalent"
    assert finding.observed.startswith("408 equivalent; MCC 0.000, logits spread over 0.00")
    assert "learning rate" in finding.hint


def test_nearly_collapsed_classifier_is_found(scored_evidence: MakeEvidence) -> None:
    labels, logits = collapsed(0.5)
    logits[:4, 0] += 5
    (finding,) = judge("not_constant", scored_evidence(labels, logits))
    assert finding.observed.startswith("404 equivalent, 4 not_equivalent; MCC ")


def test_rare_class_that_nothing_tells_apart_is_found(scored_evidence: MakeEvidence) -> None:
    assert judge("not_constant", scored_evidence(*collapsed(0.95, noise=0.1)))
    assert judge("beats_trivial", scored_evidence(*collapsed(0.95, noise=0.1)))


def test_too_few_rows_of_another_class_are_not_judged(scored_evidence: MakeEvidence) -> None:
    for name in ("not_constant", "beats_trivial"):
        with pytest.raises(NotApplicable, match="only 5 of 100 labels are of another class than equivalent"):
            judge(name, scored_evidence(*collapsed(0.95, rows=100, noise=0.1)))
    assert judge("not_constant", scored_evidence(*collapsed(0.95, rows=100, noise=0.0)))  # the very same logits


def test_constant_value_is_found(scored_evidence: MakeEvidence) -> None:
    labels = np.linspace(0, 5, 40)
    values = 2.5 + 1e-3 * labels
    (finding,) = judge("not_constant", scored_evidence(labels, values[:, None]))
    assert finding.expected.startswith("predictions that spread: a standard deviation of at least 0.0296")
    assert finding.observed == "0.00148; predictions from 2.5 to 2.505, labels from 0 to 5"
    assert judge("not_constant", scored_evidence(labels, np.full((40, 1), np.nan)))


def test_labels_without_spread_are_not_judged(scored_evidence: MakeEvidence) -> None:
    with pytest.raises(NotApplicable, match="all the same"):
        judge("not_constant", scored_evidence(np.full(40, 2.0), np.zeros((40, 1))))


# -- metrics.beats_trivial --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.3, 0.7), (0.2,) * 5])
@pytest.mark.parametrize("seed", range(5))
def test_model_without_knowledge_is_found(scored_evidence: MakeEvidence, shares: Sequence[float], seed: int) -> None:
    labels, logits = model(shares, strength=1.0, seed=seed)
    (finding,) = judge("beats_trivial", scored_evidence(np.roll(labels, 7), logits))
    assert finding.expected == "more right predictions than the same ones dealt out at random would give"
    assert "of 400 rows right: by chance as many with probability " in finding.observed


def test_model_below_a_constant_class_is_found(scored_evidence: MakeEvidence) -> None:
    labels, logits = model((0.3, 0.7), strength=0.35, rows=2000, calibrated=False)
    (finding,) = judge("beats_trivial", scored_evidence(labels, logits))
    assert finding.expected.startswith("better than trivial models: accuracy above 0.69")
    assert finding.expected.endswith("(always equivalent)")
    assert finding.observed.startswith("accuracy 0.5")


def test_too_few_rows_say_nothing(scored_evidence: MakeEvidence) -> None:
    with pytest.raises(NotApplicable, match="4 rows are too few"):
        judge("beats_trivial", scored_evidence([0, 1, 0, 1], np.eye(2)[[1, 0, 1, 0]]))
    with pytest.raises(NotApplicable, match="of one label only"):
        judge("beats_trivial", scored_evidence(np.ones(50, int), np.eye(2)[np.ones(50, int)]))


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.2, 0.8)])
def test_what_a_sound_model_may_look_like_on_few_rows_is_not_judged(
    scored_evidence: MakeEvidence, shares: Sequence[float]
) -> None:
    def is_red(seed: int) -> bool:
        with suppress(NotApplicable):
            return bool(judge("beats_trivial", scored_evidence(*model(shares, strength=0.5, rows=60, seed=seed))))
        return False

    # Such a model is right in 63 of 100 rows of two equal classes; on these few it may be luckless.
    assert not any(map(is_red, range(40)))
    random = np.random.default_rng(0)
    labels = random.normal(size=40)
    with pytest.raises(NotApplicable, match="too weak to tell: on 40 rows"):
        judge("beats_trivial", scored_evidence(labels, (0.2 * labels + random.normal(size=40))[:, None]))


def test_values_without_relation_to_the_labels_are_found(scored_evidence: MakeEvidence) -> None:
    labels = np.random.default_rng(0).uniform(0, 5, 300)
    values = np.roll(labels, 3)[:, None]
    (finding,) = judge("beats_trivial", scored_evidence(labels, values))
    assert finding.expected == "values that correlate with the labels by more than chance (probability below 0.01)"
    assert "on 300 rows, by chance with probability" in finding.observed


def test_values_on_another_scale_are_found(scored_evidence: MakeEvidence) -> None:
    labels = np.random.default_rng(0).uniform(0, 5, 100)
    (finding,) = judge("beats_trivial", scored_evidence(labels, labels[:, None] / 5))
    assert finding.expected.endswith("r2 of at least -1")
    assert finding.observed.startswith("r2 -")
    assert "different scales" in finding.hint


# -- metrics.label_permutation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_swapped_labels_are_named(scored_evidence: MakeEvidence, strength: float) -> None:
    labels, logits = model((0.35, 0.65), strength=strength)
    (finding,) = judge("label_permutation", scored_evidence(1 - labels, logits))
    assert finding.expected.startswith("predicted classes with the meaning of the labels: ")
    assert "'equivalent' as 'not_equivalent'" in finding.observed
    assert "'not_equivalent' as 'equivalent'" in finding.observed
    assert "label encoding" in finding.hint


def test_shifted_ids_of_five_classes_are_named(scored_evidence: MakeEvidence) -> None:
    labels, logits = model((0.2,) * 5, strength=1.5)
    (finding,) = judge("label_permutation", scored_evidence((labels + 1) % 5, logits))
    for index in range(5):
        assert f"'class {index}' as 'class {(index + 1) % 5}'" in finding.observed


def test_two_of_77_classes_are_named(scored_evidence: MakeEvidence) -> None:
    labels, logits = model((1 / 77,) * 77, strength=4.0, rows=3000)
    swapped = np.where(labels == 5, 9, np.where(labels == 9, 5, labels))
    (finding,) = judge("label_permutation", scored_evidence(swapped, logits))
    assert "'class 5' as 'class 9'" in finding.observed
    assert "more" not in finding.observed


def test_score_with_its_sign_turned_is_found(scored_evidence: MakeEvidence) -> None:
    labels = np.random.default_rng(0).uniform(0, 5, 100)
    (finding,) = judge("label_permutation", scored_evidence(labels, 5 - labels[:, None]))
    assert finding.expected == "values that rise with the labels"
    assert finding.observed == "correlation -1.000: with inverted sign the values correlate by 1.000"


@pytest.mark.parametrize("seed", range(10))
def test_weak_ordinal_model_that_avoids_the_outer_classes_is_quiet(scored_evidence: MakeEvidence, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.choice(5, 855, p=(0.13, 0.28, 0.2, 0.25, 0.14))
    # It calls very bad reviews bad, more often than bad ones, and nearly never very bad.
    chosen = np.select([labels <= 1, labels == 2], [1, random.choice([1, 2, 3], 855)], 3)
    chosen = np.where((labels == 1) & (random.random(855) < 0.3), 3, chosen)
    assert judge("label_permutation", scored_evidence(labels, np.eye(5)[chosen])) == []


# -- how likely chance is ---------------------------------------------------------------------------------------------


def rows_of(labels: Any, predictions: Any, width: int, logits: Any = None) -> SingleLabelRows:
    return SingleLabelRows(np.asarray(labels), np.asarray(predictions), logits, width, tuple(map(str, range(width))))


@pytest.mark.parametrize(("width", "rows"), [(2, 60), (5, 200)])
def test_probability_of_hits_is_that_of_dealing(width: int, rows: int) -> None:
    random = np.random.default_rng(1)
    labels, predictions = (random.choice(width, rows, p=random.dirichlet(np.full(width, 3.0))) for _ in range(2))
    dealt = [random.permutation(predictions) for _ in range(4000)]
    hits = np.array([(one == labels).sum() for one in dealt])
    lucky = dealt[int(np.argsort(hits)[3800])]
    share = float((hits >= (lucky == labels).sum()).mean())
    assert chance_of_hits(rows_of(labels, lucky, width)) == pytest.approx(share, abs=0.02)


def test_predictions_of_one_class_are_no_evidence() -> None:
    assert chance_of_hits(rows_of([0, 1] * 10, [1] * 20, 2)) == pytest.approx(1.0)
    assert chance_of_hits(rows_of([0, 1, 2] * 10, [1] * 30, 3)) == pytest.approx(1.0)


def test_rows_without_a_prediction_do_not_hit() -> None:
    rows = rows_of([0, 1, 1, 0], [0, 1, -1, 1], 2)
    assert confusion(rows).tolist() == [[1, 1], [0, 1]]
    assert chance_of_hits(rows) > 0.1


def test_ranking_is_the_area_under_the_roc_curve() -> None:
    logits = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0], [0.0, 4.0]])
    area, chance = ranking(rows_of([0, 0, 1, 1], [1, 1, 1, 1], 2, logits))
    assert area == 0.75
    assert chance == pytest.approx(1 / 3)
    assert ranking(rows_of([0, 0, 1, 1], [1, 1, 1, 1], 2)) == (0.5, 1.0)
