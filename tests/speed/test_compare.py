"""Comparisons: verdicts, intervals, and blocks of both engines."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.speed.blocks import ManualBlocks, TrainerBlocks, make_blocks, steps_of_block
from pytest_ftcheck.speed.compare import Comparison, Interval, compare, ratio_interval
from pytest_ftcheck.speed.step import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from pytest_ftcheck.pipeline.parts import Pipeline

NAMES = ("one", "other")
QUIET = Interval(1.0, 0.99, 1.01)
NOISY = Interval(1.0, 0.9, 1.1)


def comparison(found: Interval, null: Interval = QUIET) -> Comparison:
    return Comparison(NAMES, (1e-3, 2e-3), found, null, tolerance=0.05, rounds=10, steps=2)


@pytest.mark.parametrize(
    ("found", "null", "verdict"),
    [
        (Interval(1.10, 1.06, 1.14), QUIET, "slower"),
        (Interval(1.10, 1.05, 1.14), QUIET, "undecided"),
        (Interval(1.00, 0.98, 1.04), QUIET, "no slower"),
        (Interval(0.90, 0.88, 0.94), QUIET, "faster"),
        (Interval(1.00, 0.98, 1.04), NOISY, "too noisy"),
        (Interval(1.12, 1.10, 1.14), NOISY, "too noisy"),
        (Interval(1.30, 1.20, 1.40), NOISY, "slower"),
        (Interval(0.70, 0.60, 0.80), NOISY, "faster"),
        (Interval(1.00, 0.98, 1.04), Interval(1.0, math.nan, math.nan), "too noisy"),
        (Interval(math.nan, math.nan, math.nan), QUIET, "too noisy"),
    ],
)
def test_verdict(found: Interval, null: Interval, verdict: str) -> None:
    assert comparison(found, null).verdict == verdict


def test_comparison_is_told_in_one_line_and_in_plain_values() -> None:
    made = comparison(Interval(1.10, 1.06, 1.14))
    assert made.describe() == (
        "other takes 1.100 [1.060, 1.140] times as long as one (2 and 1 ms a row): slower; null 1.000 [0.990, 1.010], "
        "tolerance 5%, 10 rounds of 2 steps"
    )
    assert made.to_record()["verdict"] == "slower"
    assert made.finding().check == "speed.compare"
    assert "at most 1.05 times" in made.finding().expected


def test_interval_is_of_the_median_ratio() -> None:
    first = [1.0, 2.0, 1.0, 4.0, 1.0, 1.0, 2.0]
    found = ratio_interval(first, [1.1 * seconds for seconds in first])
    assert (found.ratio, found.low, found.high) == pytest.approx((1.1, 1.1, 1.1))
    spread = ratio_interval([1.0] * 7, [0.9, 1.0, 1.1, 1.2, 1.3, 1.0, 1.1])
    assert spread.low < spread.ratio == 1.1 < spread.high
    assert math.isnan(ratio_interval([1.0, 1.0], [1.0, math.nan]).ratio)


def machine(drift: float, noise: float) -> Callable[[float], Callable[[int], float]]:
    """Make variants on a machine that becomes slower from block to block, with noise."""
    draw, blocks = random.Random(3), [0]  # noqa: S311 - drawn from a seed

    def variant(slowness: float) -> Callable[[int], float]:
        def block(_: int) -> float:
            blocks[0] += 1
            return slowness * (1 + drift * blocks[0]) * math.exp(draw.gauss(0, noise))

        return block

    return variant


@pytest.mark.parametrize(
    ("slowness", "verdict"), [(1.0, "no slower"), (1.02, "no slower"), (1.10, "slower"), (0.8, "faster")]
)
def test_slower_variant_is_found_on_a_machine_that_drifts(slowness: float, verdict: str) -> None:
    variant = machine(drift=0.01, noise=0.02)
    made = compare(variant(1.0), variant(slowness), variant(1.0), names=NAMES, steps=1, tolerance=0.05)
    assert made.verdict == verdict
    assert made.found.ratio == pytest.approx(slowness, rel=0.02)


def test_noisy_machine_is_called_so_after_all_rounds() -> None:
    variant = machine(drift=0, noise=0.6)
    made = compare(variant(1.0), variant(1.0), variant(1.0), names=NAMES, steps=1, tolerance=0.05, most_rounds=30)
    assert made.verdict == "too noisy"
    assert made.rounds == 40


def test_each_variant_is_first_in_its_turn_and_as_often_as_the_others() -> None:
    called: list[int] = []

    def variant(index: int) -> Callable[[int], float]:
        def block(_: int) -> float:
            called.append(index)
            return 1.0

        return block

    compare(variant(0), variant(1), variant(2), names=NAMES, steps=1, tolerance=0.05, rounds=3)
    rounds = [called[start : start + 12] for start in range(3, len(called), 12)]  # after one block of each, to warm up
    assert [each[::2] for each in rounds] == [[0, 1, 2, 2, 1, 0], [1, 2, 0, 0, 2, 1], [2, 0, 1, 1, 0, 2]]


def test_no_round_is_begun_when_time_is_over() -> None:
    variant = machine(drift=0, noise=0.6)
    made = compare(variant(1.0), variant(1.0), variant(1.0), names=NAMES, steps=1, tolerance=0.05, most_seconds=0)
    assert made.rounds == 10


def test_blocks_take_the_steps_that_they_are_asked_for(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = ManualBlocks(TrainingStep(pipeline, device="cpu", steps=2))
    taken: list[int] = []
    take = blocks.step.take

    def counted() -> torch.Tensor:
        taken.append(1)
        return take()

    monkeypatch.setattr(blocks.step, "take", counted)
    assert 0 < blocks(4) < 1
    assert len(taken) == 4
    assert steps_of_block(blocks, 2, 0.0) == 2
    assert steps_of_block(blocks, 2, 10.0) > 20


@pytest.mark.parametrize("recipe", [{}, {"bf16": True, "gradient_accumulation_steps": 2}])
def test_blocks_of_the_trainer_train_on_the_same_batches(pipeline: Pipeline, recipe: dict[str, Any]) -> None:
    changed = replace(pipeline, args={**pipeline.args, **recipe})
    blocks = make_blocks(changed, engine="trainer", device="cpu", seed=0, steps=2)
    assert isinstance(blocks, TrainerBlocks)
    manual = TrainingStep(changed, device="cpu", steps=2)
    assert blocks._rows == manual.rows
    loader = blocks._trainer.get_train_dataloader()
    shapes = [tuple(batch["input_ids"].shape) for batch, _ in zip(loader, range(2), strict=False)]
    assert shapes == [shape for work in manual.work for shape in work.shapes][:2]
    model = blocks._trainer.model
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    assert 0 < blocks(3) < 1
    assert blocks._trainer.state.global_step == 5
    assert any(not bool((weight == before[name]).all()) for name, weight in blocks._trainer.model.named_parameters())
    assert not hasattr(blocks._trainer.model, "_original_forward")


@pytest.mark.parametrize(("slowness", "found"), [(1.0, {0}), (1.1, {19, 20})])
def test_busy_machine_gives_no_false_alarm_and_hides_nothing(slowness: float, found: set[int]) -> None:
    """Blocks with 5% noise, of which a tenth are interrupted; steps that differ by 1% from copy to copy."""
    draw = random.Random(7)  # noqa: S311 - drawn from a seed

    def variant(seconds: float) -> Callable[[int], float]:
        own = seconds * math.exp(draw.gauss(0, 0.01))

        def block(_: int) -> float:
            interrupted = 1 + draw.random() if draw.random() < 0.1 else 1.0
            return own * interrupted * math.exp(draw.gauss(0, 0.05))

        return block

    verdicts = [
        compare(variant(1.0), variant(slowness), variant(1.0), names=NAMES, steps=1, tolerance=0.05).verdict
        for _ in range(20)
    ]
    assert verdicts.count("slower") in found
