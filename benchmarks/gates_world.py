"""The world of `gates.py`: rows, and how seeds differ on them.

A run scores N rows. Some rows are contested: they fall to either side like a coin, differently with each seed. The
others are settled, but a seed with more ability has more of them right, in the same order for every seed, so that of
two seeds one is truly better: the hardest case for a paired test. Ability is normal over seeds, on the probit scale: a
share of rows comes near 1 but never there, so that a large spread at a high accuracy is lopsided to the bad side. The
standard deviation of the accuracy over seeds on the same rows, from both parts together, is the *spread*. A true drop
lowers the mean accuracy over seeds.

A session: a floor was calibrated on ten seeds, for one run and for the mean of five; a baseline was accepted from
another seed, and knows the spread of those ten. The session trains afresh with other seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

DATA_SETS = {408: ("MRPC", 0.86), 872: ("SST-2", 0.92), 5463: ("QNLI", 0.90)}
"""Rows of a validation split: the task that has so many, and a mean accuracy."""
CALIBRATED, SEEDS = 10, 5
"""Seeds behind a floor, and of a session that trains several."""


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw abilities of mean 0 and standard deviation 1."""
    return generator.normal(size=shape)


def heavy(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw abilities with heavy tails: Student's t of 5 degrees of freedom, scaled."""
    return generator.standard_t(5, size=shape) / math.sqrt(5 / 3)


def left(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw abilities with a long tail to the bad side: a mirrored exponential."""
    return 1 - generator.exponential(size=shape)


@dataclass(frozen=True)
class World:
    """Rows, and how seeds differ on them."""

    rows: int
    accuracy: float
    """Mean over seeds."""
    contested: int
    """Rows that fall to either side like a coin."""
    tau: float
    """Standard deviation of the ability, on the probit scale: shares come near 1 but never there."""
    draw: Draw = normal

    @classmethod
    def of(cls, rows: int, spread: float, draw: Draw = normal) -> World:
        """Make a world in which accuracy has this standard deviation over seeds, on the same rows.

        Contested rows bring ``churn / (2 * rows)`` of its square, where churn is the share of rows in which two seeds
        of equal ability differ. They bring half of it at most, and they hold a quarter of the errors at most.
        """
        accuracy = DATA_SETS[rows][1]
        contested = round(2 * rows * min((1 - accuracy) / 4, rows * spread**2))
        by_ability = math.sqrt(spread**2 - contested / (4 * rows**2))
        tau = optimize.brentq(lambda tau: _spread_of(accuracy, tau) - by_ability, 1e-4, 3.0)
        return cls(rows, accuracy, contested, tau, draw)

    def settled(self, generator: np.random.Generator, shape: tuple[int, ...], drop: float) -> Ints:
        """Draw how many of the other rows a run has right."""
        right = self.rows * _shares(self.accuracy - drop, self.tau, self.draw(generator, shape)) - self.contested / 2
        return np.clip(np.rint(right), 0, self.rows - self.contested).astype(np.int64)

    def right(self, generator: np.random.Generator, shape: tuple[int, ...], drop: float = 0.0) -> Ints:
        """Draw how many rows a run has right."""
        return self.settled(generator, shape, drop) + generator.binomial(self.contested, 0.5, shape)


def _shares(mean: float, tau: float, abilities: Floats) -> Floats:
    """Return shares whose mean over normal abilities is this one."""
    return np.asarray(special.ndtr(special.ndtri(mean) * math.sqrt(1 + tau**2) + tau * abilities))


def _spread_of(mean: float, tau: float) -> float:
    """Return the standard deviation of the shares over normal abilities, by Gauss and Hermite's quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    shares = _shares(mean, tau, nodes)
    return math.sqrt(float(((shares - mean) ** 2 * weights).sum() / weights.sum()))


@dataclass(frozen=True)
class Sessions:
    """Rows that are right, for S sessions."""

    calibration: Ints
    """``[S, 10]``."""
    before: Ints
    """``[S]``, the baseline."""
    lost: Ints
    """``[S]``, rows that were right in the baseline and are wrong in the session's run."""
    gained: Ints
    """``[S]``, the other way round."""
    several: Ints
    """``[S, 5]``, the session's runs over seeds."""

    @property
    def after(self) -> Ints:
        """``[S]``, the session's run."""
        return self.before - self.lost + self.gained

    @classmethod
    def simulate(cls, world: World, sessions: int, drop: float, seed: int) -> Sessions:
        """Draw sessions whose runs are truly worse by a drop."""
        generator = np.random.default_rng(seed)
        shape = (sessions,)
        old, new = world.settled(generator, shape, 0.0), world.settled(generator, shape, drop)
        # A contested row is right in both, in one or in the other run, or in none: one in four each.
        lost = generator.binomial(world.contested, 1 / 4, shape)
        gained = generator.binomial(world.contested - lost, 1 / 3)
        both = generator.binomial(world.contested - lost - gained, 1 / 2)
        return cls(
            calibration=world.right(generator, (sessions, CALIBRATED)),
            before=old + lost + both,
            lost=lost + np.maximum(old - new, 0),
            gained=gained + np.maximum(new - old, 0),
            several=world.right(generator, (sessions, SEEDS), drop),
        )
