"""Scores of trivial models, which do not read the inputs."""

from __future__ import annotations

from dataclasses import dataclass

CONFIDENCE = 0.95
"""Confidence level of every interval."""
ENDS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
"""Quantiles of the draws at both ends of an interval."""
DRAWS = 1999
"""Number of draws of guesses."""


@dataclass(frozen=True)
class Trivial:
    """A model that does not read the input, and its score."""

    name: str
    """Name in messages: ``always equivalent``, ``guessing by the fraction of each label``."""
    metric: str
    value: float
    low: float
    """Ends of the 95% interval: over rows, or over random guesses."""
    high: float
