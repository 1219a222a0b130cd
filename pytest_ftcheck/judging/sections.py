"""What a session shows beside the section ftcheck: measured steps, planted faults, proposed limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ftcheck.judging.collected_notes import CollectedNotes


def sections_of(
    collected: CollectedNotes, calibration: Sequence[str], *, color: bool, width: int
) -> Iterator[tuple[str, list[str]]]:
    """Yield title and lines of each section that a session has.

    Args:
        collected: notes of all tests.
        calibration: lines of the proposed limits; empty where none were proposed.
        color: with ANSI colours.
        width: width of the terminal, in columns.

    """
    steps, comparisons = collected.entries("bench"), collected.entries("compared")
    if steps or comparisons:
        from pytest_ftcheck.speed.table import session_lines as lines_of_steps  # noqa: PLC0415 - only where measured

        yield "ftcheck: training steps", lines_of_steps(steps, comparisons)
    if proofs := collected.faults:
        from pytest_ftcheck.report.faults import session_lines as lines_of_faults  # noqa: PLC0415 - imports rich

        yield "ftcheck: planted faults", lines_of_faults(proofs, color=color, width=width)
    if calibration:
        yield "ftcheck: calibration", list(map(printable, calibration))
