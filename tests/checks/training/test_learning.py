"""The loss falls: what is a fall, what is noise, and what it is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.training.learning import has_plain_loss

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]
    Traced = Callable[..., Evidence]

CHECK = "training.loss_falls"


def losses(start: float, end: float, steps: int = 200, noise: float = 0.1) -> tuple[float, ...]:
    level = np.linspace(start, end, steps) + np.random.default_rng(1).normal(0, noise, steps)
    return tuple(level.tolist())


def run_of(traced: Traced, values: tuple[float, ...], *pipeline: Pipeline, **changes: Any) -> Evidence:
    steps = len(values)
    return traced(
        *pipeline, step_losses=values, micro_steps=(1,) * steps, learning_rates=((1e-3,),) * steps, epochs=(), **changes
    )


@pytest.mark.parametrize(
    "values",
    [
        losses(0.72, 0.3),
        losses(0.7, 0.58),  # slow and noisy, but not by chance
        (0.7,) * 60 + losses(0.7, 0.3, 140),  # a long warm-up
        losses(0.9, 0.1, 24, 0.05),
        losses(0.3, 0.1),  # fine-tuned already
    ],
)
def test_loss_that_falls_is_healthy(judged: Judged, traced: Traced, values: tuple[float, ...]) -> None:
    assert judged(CHECK, run_of(traced, values)) == []


@pytest.mark.parametrize(
    "values",
    [
        losses(0.72, 0.72, 400),  # a learning rate of 0
        losses(0.72, 0.69, 400),
        (0.7, 3.0, 9.0, 5.0, *losses(2.0, 0.75, 50, 0.3), *losses(0.7, 0.7, 400, 0.05)),  # collapsed
        losses(0.7, 4.0, 40),
    ],
)
def test_loss_that_does_not_is_found(judged: Judged, traced: Traced, values: tuple[float, ...]) -> None:
    (found,) = judged(CHECK, run_of(traced, values, metrics={"loss": 0.71}))
    assert "the loss of a guess from the frequencies of the labels" in found.expected
    assert f"{values[0]:.4f} at the first step" in found.observed
    assert "learning rate" in found.hint


def test_few_steps_are_not_judged(judged: Judged, traced: Traced) -> None:
    with pytest.raises(NotApplicable, match="16 optimizer steps are too few"):
        judged(CHECK, run_of(traced, losses(0.7, 0.3, 16)))
    with pytest.raises(NotApplicable, match="within the noise of only 40 optimizer steps"):
        judged(CHECK, run_of(traced, losses(0.7, 0.68, 40, 0.15), metrics={"loss": 0.7}))


def test_last_evaluation_may_show_what_the_noise_hides(judged: Judged, traced: Traced) -> None:
    noisy = losses(0.7, 0.66, 400, 0.3)
    with pytest.raises(NotApplicable, match="its predictions may be healthy"):
        judged(CHECK, run_of(traced, noisy, metrics={"loss": 0.7}))
    guesses = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    labels = np.arange(400) % 2
    assert judged(CHECK, run_of(traced, noisy, metrics={"loss": 0.7}, logits=guesses, label_ids=labels))
    assert judged(CHECK, run_of(traced, noisy, metrics={"loss": 0.6})) == []


def test_imbalanced_labels_cost_a_guess_less(judged: Judged, toy: Toy, traced: Traced) -> None:
    def rare(rows: Any) -> Any:
        kept = [index for index, label in enumerate(rows["labels"]) if label == 0 or index < 12]
        return rows.select(kept)

    pipeline = toy(rows=rare)
    collapsed = losses(0.7, 0.6, 40, 0.02)
    share = np.mean(pipeline.train_dataset["labels"])
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert entropy < 0.55
    (found,) = judged(CHECK, run_of(traced, collapsed, pipeline, metrics={"loss": 0.6}))
    assert f"below {entropy:.4f}" in found.expected


def test_regression_is_compared_with_the_variance(judged: Judged, toy: Toy, traced: Traced) -> None:
    pipeline = toy(regression=True)
    variance = float(np.var(pipeline.train_dataset["labels"]))
    assert judged(CHECK, run_of(traced, losses(2.0, 0.3 * variance), pipeline)) == []
    (found,) = judged(CHECK, run_of(traced, losses(2.0, variance, 400), pipeline, metrics={"loss": variance}))
    assert f"{variance:.4f}" in found.expected


def test_loss_of_ones_own_is_compared_with_its_start(judged: Judged, toy: Toy, traced: Traced, kit: Any) -> None:
    doubled = kit.trainer_with(lambda logits, labels: 2 * torch.nn.functional.cross_entropy(logits, labels))
    pipeline = toy(doubled)
    assert not has_plain_loss(run_of(traced, losses(1.4, 1.0), pipeline))
    assert judged(CHECK, run_of(traced, losses(1.4, 1.0), pipeline)) == []
    (found,) = judged(CHECK, run_of(traced, losses(1.4, 1.5, 400), pipeline))
    assert "where it starts (the first 20 steps)" in found.expected


def test_label_smoothing_costs_a_guess_more(traced: Traced, judged: Judged, toy: Toy) -> None:
    pipeline = toy(label_smoothing_factor=0.4)
    assert has_plain_loss(run_of(traced, losses(0.7, 0.6), pipeline))
    assert judged(CHECK, run_of(traced, losses(0.72, 0.6, noise=0.02), pipeline)) == []


def test_smaller_rest_of_an_epoch_does_not_count(judged: Judged, traced: Traced) -> None:
    values = tuple(0.1 if step % 4 == 3 else 0.7 for step in range(400))
    evidence = traced(
        step_losses=values,
        micro_steps=tuple(1 if step % 4 == 3 else 2 for step in range(400)),
        learning_rates=((1e-3,),) * 400,
        epochs=(),
        metrics={"loss": 0.7},
    )
    assert judged(CHECK, evidence)
