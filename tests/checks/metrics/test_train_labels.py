"""Labels that were trained on against those that are evaluated, and what a model knows before it is trained."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.metrics.train_labels import agreement
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.faults.start import weights_of_a_fold

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
ROWS = 600


def drawn(count: int, classes: int, accuracy: float, seed: int, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions; a share of the labels is dealt out at random afterwards."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=count)
    wrong = (labels + random.integers(1, classes, size=count)) % classes
    predictions = np.where(random.random(count) < accuracy, labels, wrong)
    dealt = random.random(count) < noise
    return np.where(dealt, random.integers(classes, size=count), labels), predictions


@pytest.mark.parametrize("classes", [2, 5, 20])
@pytest.mark.parametrize("noise", [0.2, 0.4])
def test_the_share_of_wrong_labels_is_estimated(classes: int, noise: float) -> None:
    found = agreement("a model", drawn(4000, classes, 0.9, 0, noise), drawn(4000, classes, 0.9, 1), classes)
    assert found is not None
    assert found.noise(-3) < noise < found.noise(3)
    assert found.noise(3) - found.noise(-3) < 0.2


@pytest.mark.parametrize("classes", [2, 5])
def test_clean_labels_agree(classes: int) -> None:
    deviations = []
    for seed in range(300):
        found = agreement(
            "a model", drawn(300, classes, 0.8, 2 * seed), drawn(200, classes, 0.8, 2 * seed + 1), classes
        )
        assert found is not None
        deviations.append(found.gap / found.deviation)
    assert np.std(deviations) == pytest.approx(1, abs=0.15)
    assert max(deviations) < 4.5


def test_other_shares_of_the_classes_make_no_gap() -> None:
    random = np.random.default_rng(0)
    right = np.array([0.95, 0.6])  # an easy class and a hard one
    sets = []
    for share in (0.5, 0.9):
        labels = (random.random(5000) > share).astype(int)
        sets.append((labels, np.where(random.random(5000) < right[labels], labels, 1 - labels)))
    found = agreement("a model", sets[0], sets[1], 2)
    assert found is not None
    assert abs(found.gap) < 0.03


def test_classes_of_a_few_rows_say_nothing() -> None:
    few = (np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1]))
    assert agreement("a model", few, few, 2) is None


# -- the checks, over a run whose predictions are all right ------------------------------------------------------------


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("sst2", train_rows=ROWS, eval_rows=300)


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., list[Finding]]:
    def judged(name: str, pipeline: Pipeline) -> list[Finding]:
        labels = np.array(pipeline.eval_dataset["labels"])
        right = np.eye(pipeline.card.num_labels, dtype=np.float32)[labels]
        run: Any = SimpleNamespace(label_ids=labels, logits=right, model_folder=tmp_path)
        no: Any = None
        evidence = Evidence(
            pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=lambda: run, make_probe=no
        )
        return run_check(catalogue()[f"metrics.{name}"], evidence)

    return judged


@pytest.fixture(scope="module")
def stars(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("yelp_review_full", train_rows=1600, eval_rows=400)


def test_sound_labels_are_quiet(judge: Callable[..., list[Finding]], stars: Pipeline) -> None:
    assert judge("train_labels", stars) == []


def test_a_model_at_chance_says_nothing(judge: Callable[..., list[Finding]], parts: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="neither the trained model nor a linear one"):
        judge("train_labels", parts)


def test_labels_that_are_shuffled_in_part_are_found(judge: Callable[..., list[Finding]], stars: Pipeline) -> None:
    (finding,) = judge("train_labels", select_faults(["train_labels_shuffled_in_part"])[0].plant(stars))
    assert finding.expected.startswith("train labels that agree with a linear model of the tokens as the evaluation's")
    assert "of the train labels are wrong, if wrong labels are random (" in finding.observed
    assert finding.level == "fail"


def test_a_model_of_a_checkpoint_knows_nothing_before(judge: Callable[..., list[Finding]], parts: Pipeline) -> None:
    assert judge("before_training", parts) == []


def test_a_model_that_was_trained_on_the_evaluation_is_found(
    judge: Callable[..., list[Finding]], parts: Pipeline
) -> None:
    (finding,) = judge("before_training", select_faults(["trained_on_the_evaluation_before"])[0].plant(parts))
    assert finding.level == "fail"
    assert " of 300 rows are right before training, 1.0000 after it" in finding.observed


@pytest.mark.slow
def test_a_model_that_a_factory_trains_anew_for_every_seed_is_found(
    judge: Callable[..., list[Finding]], parts: Pipeline
) -> None:
    trained = cache(lambda seed: weights_of_a_fold(replace(parts, model_init=partial(seeded, seed))))

    def seeded(seed: int) -> Any:
        torch.manual_seed(seed)
        return parts.model_init()

    def anew() -> Any:
        model = parts.model_init()
        model.load_state_dict(trained(torch.initial_seed() % 2))
        return model

    (finding,) = judge("before_training", replace(parts, model_init=anew))
    assert " of 300 rows are right before training, 1.0000 after it" in finding.observed
