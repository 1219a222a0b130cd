"""A finding of a check: subject, expected, observed and what to do; it fails or warns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from pytest_ftcheck.printable import printable_values

Level = Literal["fail", "warn"]
EXAMPLES = 3
"""Rows that a finding shows as evidence, at most."""


@dataclass(frozen=True)
class Finding:
    """One violated expectation."""

    check: str
    """Id of the check, ``family.name``, for example ``collator.mask``."""
    subject: str
    """Checked object, for example ``batch of lengths (3, 5)`` or ``accuracy on validation (408 rows)``."""
    expected: str
    """The expectation."""
    observed: str
    """The observation."""
    hint: str = ""
    """Likely causes and what to do next."""
    unit: str = ""
    """Unit of expected and observed, if they are numbers."""
    level: Level = "fail"
    """``warn``: a line in the summary; the test passes unless ``--ftcheck-strict`` is given."""
    share: float = 0.0
    """Fraction of affected rows of a warning; warnings are sorted by it."""
    evidence: tuple[str, ...] = ()
    """Up to three rows or token sequences that show it; empty where the check gives none."""

    def __post_init__(self) -> None:
        """Escape characters that a terminal or a report cannot show, because many strings come from data."""
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, (str, tuple)):
                object.__setattr__(self, part.name, printable_values(value))

    def describe(self) -> str:
        """Return the text for a failed test."""
        unit = f" {self.unit}" if self.unit else ""
        lines = [
            f"{self.check}: {self.subject}",
            f"  expected  {self.expected}{unit}",
            f"  observed  {self.observed}{unit}",
            *(f"  evidence  {text}" for text in self.evidence),
        ]
        if self.hint:
            lines.append(f"  what to do: {self.hint}")
        return "\n".join(lines)
