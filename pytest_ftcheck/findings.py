"""What a check reports: a finding, with expected, observed, subject and what to do next; it fails, or warns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from pytest_ftcheck.printable import printable

Level = Literal["fail", "warn"]


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold."""

    check: str
    """Id of the check, ``family.name``, for example ``collator.mask``."""
    subject: str
    """What was looked at, for example ``batch of lengths (3, 5)`` or ``accuracy on validation (408 rows)``."""
    expected: str
    """What had to hold."""
    observed: str
    """What was seen instead."""
    hint: str = ""
    """Likely causes and what to do next."""
    unit: str = ""
    """Unit of expected and observed, where they are numbers."""
    level: Level = "fail"
    """``warn``: worth a line in the summary, and passes unless ``--ftcheck-strict`` is given."""
    share: float = 0.0
    """Of a warning: the share of the rows that it is about, by which warnings are ordered."""

    def __post_init__(self) -> None:
        """Escape what a terminal or a report cannot show: much of it comes out of data."""
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, str):
                object.__setattr__(self, part.name, printable(value))

    def describe(self) -> str:
        """Render as the text of a failed test."""
        unit = f" {self.unit}" if self.unit else ""
        lines = [
            f"{self.check}: {self.subject}",
            f"  expected  {self.expected}{unit}",
            f"  observed  {self.observed}{unit}",
        ]
        if self.hint:
            lines.append(f"  what to do: {self.hint}")
        return "\n".join(lines)
