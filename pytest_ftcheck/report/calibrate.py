"""What a calibration says: how each limit came about, and the TOML for a card."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.gates.floors_file import CardLimits


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
