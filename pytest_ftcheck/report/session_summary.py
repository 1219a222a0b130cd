"""The summary of a session, rendered from its document: causes, the table of gates, warnings, and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.report.groups import group_lines
from pytest_ftcheck.report.summary import check_lines, closing_lines, seed_lines, summary_table, warning_lines
from pytest_ftcheck.report.view import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.view import View


def session_summary(
    document: Document,
    view: View,
    *,
    red_over_seeds: Sequence[Finding] = (),
    unreported: Sequence[str] = (),
    written: Sequence[str] = (),
) -> Iterator[str]:
    """Yield the lines of the summary; with ``-q`` only causes, the table, and the counts of checks.

    Args:
        document: all results.
        view: the terminal, or the log.
        red_over_seeds: findings over several seeds that fail the session.
        unreported: node ids of the tests that should have failed with the reason why there is no run.
        written: paths of the files that hold the results.

    """
    quiet = view.verbosity < 0
    yield from view.show(group_lines(document.causes, document.findings, verbosity=view.verbosity))
    if document.gates:
        yield summary_table(
            document.gates, document.seed_gates, color=view.color, width=view.width, encoding=view.encoding
        )
    yield from view.show(seed_lines(document.seed_gates, red_over_seeds))
    if not quiet:
        yield from view.show(Line(line, "warn") for line in warning_lines(document.warnings))
    counts, *reasons = check_lines(document.checks) or [""]
    yield from view.show([*([counts] if counts else []), *(Line(line, "dim") for line in reasons if not quiet)])
    closing = closing_lines(
        [] if quiet else document.runs, [] if quiet else document.notes, document.idle_tasks, unreported, written
    )
    yield from view.show(closing)
