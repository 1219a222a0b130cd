"""The report of a calibration: how each limit was computed, and the TOML for a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.gates.floors_file import CardLimits


@dataclass(frozen=True, kw_only=True)
class CalibrationRecord:
    """The limits that ``--ftcheck-calibrate`` proposed for a task."""

    task: str
    """Name of the task."""
    tier: str
    """Tier of data and checkpoint, as cards name it."""
    checkpoint: str
    """Name of the checkpoint."""
    limits: dict[str, dict[str, Any]]
    """Limits by metric, in the form of a card."""
    refused: dict[str, str]
    """Why there is no limit, by metric, or by metric and slice."""
    notes: list[str]
    """How each limit was computed."""


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
    """List proposed limits for each metric, refused limits with their reason, and the TOML to copy into a file.

    Args:
        limits: limits of all tasks.
        toml: result of `floors_toml`.
        file: name of the file for the TOML.

    """
    lines = []
    for entry in limits:
        lines.append(f"{entry.task} with {entry.checkpoint}, tier {entry.tier}:")
        lines += [f"  {line}" for proposal in entry.proposals for line in proposal.describe()]
        runs = max((proposal.limit.session.runs for proposal in entry.proposals), default=1)
        if runs > 1:
            lines.append(
                f"  The limits judge the mean of at least {runs} seeds: --ftcheck-seeds=0-{runs - 1}. With fewer "
                "seeds, they count as limits that you wrote."
            )
    return [*lines, *(["", f"for {file}:", "", *toml.splitlines(), ""] if toml else [])]
