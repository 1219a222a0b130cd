"""Is the second step slower than the first? Interleaved blocks, an interval of their ratio, and a null."""

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
"""At least, however long they take."""
_FIRST_LOOK = 40
_MOST_ROUNDS = 1280
_SECONDS = 60.0
_SEED = 0


class Blocks(Protocol):
    """Takes some steps of one variant."""

    def __call__(self, steps: int, /) -> float:
        """Take so many optimizer steps and return seconds for a row of data."""


@dataclass(frozen=True)
class Interval:
    """A median ratio with its bootstrap interval."""

    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        """Render with the interval in brackets."""
        return f"{self.ratio:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Comparison:
    """What two variants took, side by side."""

    names: tuple[str, str]
    seconds: tuple[float, float]
    """Medians, for a row of data."""
    found: Interval
    """The second's time as a multiple of the first's."""
    null: Interval
    """The same of two copies of the first: 1, but for what the machine did meanwhile."""
    tolerance: float
    rounds: int
    steps: int
    """Of a block."""

    @property
    def noisy(self) -> bool:
        """Whether the null is too wide for the tolerance: so much slower could also be nothing."""
        margin = 1 + self.tolerance
        return not (1 / margin <= self.null.low and self.null.high <= margin)

    @property
    def verdict(self) -> str:
        """``slower``, ``too noisy``, ``faster``, ``undecided`` or ``no slower``. Written so that NaN is too noisy."""
        # What a noisy machine does to a step that did not change is no reason to blame, or praise, the other one.
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
        """Say what was found, in one line."""
        first, second = self.names
        return (
            f"{second} takes {self.found} times as long as {first} ({self.seconds[1] * 1e3:.4g} and "
            f"{self.seconds[0] * 1e3:.4g} ms a row): {self.verdict}; null {self.null}, tolerance {self.tolerance:.0%}, "
            f"{self.rounds} rounds of {self.steps} steps"
        )

    def to_record(self) -> dict[str, Any]:
        """Render as plain values."""
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
        """Word the failure of a comparison whose second variant is slower."""
        return Finding(
            check="speed.compare",
            subject=f"{self.names[1]} beside {self.names[0]}",
            expected=f"at most {1 + self.tolerance:.2f} times as long (lower bound of the {CONFIDENCE:.0%} interval)",
            observed=self.describe(),
            hint="--ftcheck-bench shows in which phase the time goes. Where the slower step is what you want, give "
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
    """Compare two variants in rounds of turns: first, second, again, again, second, first. A turn is two blocks.

    The next round begins with the second, because a step that follows one of its own kind is a little faster. A machine
    that becomes slower all the while slows both halves of a round down alike: the drift cancels out. As long as it is
    too noisy, or undecided, as many rounds again are made.

    Args:
        first: what the other must not be slower than.
        second: the other.
        again: another copy of the first, made as it was, for the null.
        names: of first and second.
        steps: optimizer steps of a block.
        tolerance: the second may be slower by this share.
        rounds: to begin with.
        most_rounds: when there are so many, none are added.
        most_seconds: when they are over and 10 rounds are made, no further ones are begun.

    """
    variants = (first, second, again)
    for variant in variants:
        variant(steps)  # warm: its memory is found again, its kernels are in the cache
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
    """Run each variant forth and back, another one first in every round; append the mean of both for each."""
    order = [(len(seconds[0]) + place) % len(variants) for place in range(len(variants))]
    forth = {index: _turn(variants[index], steps) for index in order}
    back = {index: _turn(variants[index], steps) for index in reversed(order)}
    for index, found in enumerate(seconds):
        found.append((forth[index] + back[index]) / 2)


def _turn(variant: Blocks, steps: int) -> float:
    """Run two blocks; the quicker one counts, because what else the machine does only makes a block slower."""
    return min(variant(steps), variant(steps))


def ratio_interval(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return the median of the ratios, second to first, of pairs; with its bootstrap interval over the pairs.

    Args:
        first: seconds, one for each round.
        second: of the same rounds.

    """
    ratios = np.asarray(second) / np.asarray(first)
    if not np.isfinite(ratios).all():
        return Interval(math.nan, math.nan, math.nan)
    found = bootstrap(
        (ratios,), np.median, n_resamples=_RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=_SEED
    ).confidence_interval
    return Interval(float(np.median(ratios)), float(found.low), float(found.high))
