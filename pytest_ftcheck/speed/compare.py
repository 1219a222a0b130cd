"""Tests whether a second step is slower than a first, with interleaved blocks, an interval, and a null comparison."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.stats import bootstrap

from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
_RESAMPLES = 2000
_ROUNDS = 10
"""Minimum number of rounds, for any duration."""
_FIRST_LOOK = 40
_MOST_ROUNDS = 1280
_SECONDS = 60.0
_SEED = 0


class Blocks(Protocol):
    """Takes some steps of one variant."""

    def __call__(self, steps: int, /) -> float:
        """Take this number of optimizer steps and return the seconds per row of data."""


@dataclass(frozen=True)
class Interval:
    """A median ratio with its bootstrap interval."""

    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the ratio with the interval in brackets."""
        return f"{self.ratio:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Comparison:
    """The durations of two variants, and their comparison."""

    names: tuple[str, str]
    seconds: tuple[float, float]
    """Median seconds per row of data."""
    found: Interval
    """Ratio of the second's time to the first's."""
    null: Interval
    """The same ratio for two copies of the first variant: 1, except for the noise of the machine."""
    tolerance: float
    rounds: int
    steps: int
    """Steps of a block."""

    @property
    def noisy(self) -> bool:
        """Whether the null interval is wider than the tolerance, so that noise alone can exceed the tolerance."""
        margin = 1 + self.tolerance
        return not (1 / margin <= self.null.low and self.null.high <= margin)

    @property
    def verdict(self) -> str:
        """``slower``, ``too noisy``, ``faster``, ``undecided`` or ``no slower``. Written so that NaN is too noisy."""
        # On a noisy machine, a difference within the null interval is neither slower nor faster.
        slowest = (1 + self.tolerance) * (max(self.null.high, 1.0) if self.noisy else 1.0)
        fastest = (min(self.null.low, 1.0) if self.noisy else 1.0) / (1 + self.tolerance)
        if self.found.low > slowest:
            return "slower"
        if self.found.high < fastest:
            return "faster"
        if self.noisy or not math.isfinite(self.found.ratio):
            return "too noisy"
        return "no slower" if self.found.high <= slowest else "undecided"

    def describe(self) -> str:
        """Describe the result in one line."""
        first, second = self.names
        return (
            f"{second} takes {self.found} times as long as {first} ({self.seconds[1] * 1e3:.4g} and "
            f"{self.seconds[0] * 1e3:.4g} ms a row): {self.verdict}; null {self.null}, tolerance {self.tolerance:.0%}, "
            f"{self.rounds} rounds of {self.steps} steps"
        )

    def to_record(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "names": list(self.names),
            "seconds_per_row": list(self.seconds),
            "ratio": [self.found.ratio, self.found.low, self.found.high],
            "null": [self.null.ratio, self.null.low, self.null.high],
            "tolerance": self.tolerance,
            "rounds": self.rounds,
            "steps": self.steps,
            "verdict": self.verdict,
            "described": self.describe(),
        }

    def finding(self) -> Finding:
        """Return the finding for a comparison whose second variant is slower."""
        return Finding(
            check="speed.compare",
            subject=f"{self.names[1]} compared with {self.names[0]}",
            expected=f"at most {1 + self.tolerance:.2f} times as long (lower bound of the {CONFIDENCE:.0%} interval)",
            observed=self.describe(),
            hint="--ftcheck-bench shows the time of each phase. If the slower step is intended, use "
            "--ftcheck-bench-tolerance.",
        )


def compare(
    first: Blocks,
    second: Blocks,
    again: Blocks,
    *,
    names: tuple[str, str],
    steps: int,
    tolerance: float,
    rounds: int = _FIRST_LOOK,
    most_rounds: int = _MOST_ROUNDS,
    most_seconds: float = _SECONDS,
) -> Comparison:
    """Compare two variants in rounds of six turns: first, second, again, again, second, first. A turn is two blocks.

    The next round begins with the second variant, because a step after a step of its own variant is slightly faster. If
    the machine slows down steadily, both halves of a round are affected equally, so that the drift cancels out. While
    the result is too noisy or undecided, the number of rounds is doubled.

    Args:
        first: the reference variant.
        second: the variant that must not be slower.
        again: another copy of the first variant, for the null.
        names: names of first and second.
        steps: optimizer steps of a block.
        tolerance: fraction by which the second may be slower.
        rounds: initial number of rounds.
        most_rounds: maximum number of rounds; none are added beyond it.
        most_seconds: time limit; after it, no further round starts once 10 rounds are done.

    """
    variants = (first, second, again)
    for variant in variants:
        variant(steps)  # warm up: memory is allocated, kernels are cached
    seconds: list[list[float]] = [[], [], []]
    started = time.perf_counter()
    while True:
        for _ in range(max(rounds, len(seconds[0]))):
            if len(seconds[0]) >= _ROUNDS and time.perf_counter() - started >= most_seconds:
                break
            _take_turns(variants, steps, seconds)
        made = Comparison(
            names=names,
            seconds=(float(np.median(seconds[0])), float(np.median(seconds[1]))),
            found=ratio_interval(seconds[0], seconds[1]),
            null=ratio_interval(seconds[0], seconds[2]),
            tolerance=tolerance,
            rounds=len(seconds[0]),
            steps=steps,
        )
        over = made.rounds >= most_rounds or time.perf_counter() - started >= most_seconds
        if over or made.verdict not in ("too noisy", "undecided"):
            return made


def _take_turns(variants: Sequence[Blocks], steps: int, seconds: list[list[float]]) -> None:
    """Run all variants in forward and reverse order, with a rotated start; append the mean of both turns of each."""
    order = [(len(seconds[0]) + place) % len(variants) for place in range(len(variants))]
    forth = {index: _turn(variants[index], steps) for index in order}
    back = {index: _turn(variants[index], steps) for index in reversed(order)}
    for index, found in enumerate(seconds):
        found.append((forth[index] + back[index]) / 2)


def _turn(variant: Blocks, steps: int) -> float:
    """Run two blocks and return the faster time, because other processes can only slow a block down."""
    return min(variant(steps), variant(steps))


def ratio_interval(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return the median of the ratios second / first of pairs, with its bootstrap interval over the pairs.

    Args:
        first: seconds of each round.
        second: seconds of the same rounds.

    """
    ratios = np.asarray(second) / np.asarray(first)
    if not np.isfinite(ratios).all():
        return Interval(math.nan, math.nan, math.nan)
    found = bootstrap(
        (ratios,), np.median, n_resamples=_RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=_SEED
    ).confidence_interval
    return Interval(float(np.median(ratios)), float(found.low), float(found.high))
