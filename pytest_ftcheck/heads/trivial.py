"""What a model that has learned nothing scores."""

from __future__ import annotations

from dataclasses import dataclass

CONFIDENCE = 0.95
"""Of every interval."""
ENDS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
"""Shares of the draws below the two ends of an interval."""
DRAWS = 1999
"""Of guesses."""


@dataclass(frozen=True)
class Trivial:
    """A model that looks at no text, and what it scores."""

    name: str
    """As a message names it: ``always equivalent``, ``guessing by the share of each label``."""
    metric: str
    value: float
    low: float
    """Ends of the 95% interval: over rows, and over its guesses where it guesses."""
    high: float
