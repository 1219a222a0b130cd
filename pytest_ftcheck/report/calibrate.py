"""What a calibration says: how each limit came about, and the TOML for a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.gates.floors_file import CardLimits


@dataclass(frozen=True, kw_only=True)
class CalibrationRecord:
    """What ``--ftcheck-calibrate`` proposed for a task."""

    task: str
    """Name of the task."""
    tier: str
    """Of the data and checkpoints, as cards name it."""
    checkpoint: str
    """Its name."""
    limits: dict[str, dict[str, Any]]
    """By metric, as a card holds them."""
    refused: dict[str, str]
    """Why there is none, by metric, or by metric and slice."""
    notes: list[str]
    """How each limit came about."""


def calibration_record(limits: CardLimits) -> CalibrationRecord:
    """Put the proposals for a task into an entry of the JSON document."""
    return CalibrationRecord(
        task=limits.task,
        tier=limits.tier,
        checkpoint=limits.checkpoint,
        limits=limits.tables,
        refused={
            **{entry.metric: entry.limit.refused for entry in limits.proposals if entry.limit.limit is None},
            **{
                f"{entry.metric}, {part.name}": part.limit.refused
                for entry in limits.proposals
                for part in entry.slices
                if part.limit.limit is None
            },
        },
        notes=[line for entry in limits.proposals for line in entry.describe()],
    )


def proposal_lines(limits: Sequence[CardLimits], toml: str, file: str) -> list[str]:
    """Say what is proposed for each metric, what is refused and why, and what to copy into a file.

    Args:
        limits: of all tasks.
        toml: of `floors_toml`.
        file: name of the file that it belongs into.

    """
    lines = []
    for entry in limits:
        lines.append(f"{entry.task} with {entry.checkpoint}, tier {entry.tier}:")
        lines += [f"  {line}" for proposal in entry.proposals for line in proposal.describe()]
        runs = max((proposal.limit.session.runs for proposal in entry.proposals), default=1)
        if runs > 1:
            lines.append(
                f"  The limits judge the mean of at least {runs} seeds: --ftcheck-seeds=0-{runs - 1}. On fewer, they "
                "count as limits that you wrote."
            )
    return [*lines, *(["", f"for {file}:", "", *toml.splitlines(), ""] if toml else [])]
