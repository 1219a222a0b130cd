"""Failed checks by cause: the most likely one first, with what to type next; its consequences are named below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.names import COST_OF
from pytest_ftcheck.report.view import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.report.records import CauseRecord, RedRecord

_MOST_WHOLE = 5
"""Causes that are shown whole; further ones have a line each."""
_EXPLAINED = frozenset({*COST_OF, "metrics.floor"})
"""Ids that ``--ftcheck-explain`` knows; a finding of a gate may have another one."""
_MOST_FINDINGS = 3
"""Findings of the check of a cause, without ``-v``."""


def group_lines(causes: Sequence[CauseRecord], findings: Sequence[RedRecord], *, verbosity: int = 0) -> list[Line]:
    """Show every cause with what was expected and observed, what to do, and the checks that it explains.

    Args:
        causes: the most likely one first.
        findings: all findings that fail; those of the project's own tests are left out here.
        verbosity: 1: all findings whole, also of consequences; -1: without what to type next.

    """
    whole = len(causes) if verbosity > 0 else _MOST_WHOLE
    several = len({cause.task for cause in causes}) > 1
    lines: list[Line] = []
    for place, cause in enumerate(causes[:whole]):
        lines += [Line("")] if place else []
        lines += _group(cause, findings, "CAUSE" if not place else "ALSO", of_task=several, verbosity=verbosity)
    lines += [Line("")] if causes[whole:] else []
    for cause in causes[whole:]:
        of = f" of {cause.task}" if several else ""
        lines.append(Line(f"ALSO: {cause.finding.check}{of}: {one_line(cause.finding)}", "fail"))
    lines += [Line("  -v shows them whole", "dim")] if causes[whole:] else []
    return [*lines, *([Line("")] if causes else [])]


def one_line(found: Finding) -> str:
    """Return subject, expectation and observation in one line."""
    unit = f" {found.unit}" if found.unit else ""
    return f"{found.subject}: expected {found.expected}{unit}, observed {found.observed}{unit}"


def findings_of(cause: CauseRecord, findings: Sequence[RedRecord]) -> list[RedRecord]:
    """Return the findings of the check of a cause, in all engines and seeds."""
    return [found for found in findings if found.check == cause.finding.check and _is_of(cause.task, found)]


def agreeing(cause: CauseRecord) -> str:
    """Return how many checks say the same, ``3 checks agree``; empty where it is one."""
    return f"{len(cause.consequences) + 1} checks agree" if cause.consequences else ""


def _is_of(task: str, found: RedRecord) -> bool:
    """Whether a finding is of a test of the suite of a task, or of no test."""
    return found.nodeid is None or found.nodeid.startswith(f"ftcheck/{task}::")


def _group(
    cause: CauseRecord, findings: Sequence[RedRecord], title: str, *, of_task: bool, verbosity: int
) -> Iterator[Line]:
    found_by_check: Sequence[Finding] = findings_of(cause, findings) or [cause.finding]
    first, *others = found_by_check
    of = f" of {cause.task}" if of_task else ""
    yield Line(f"{title}: {first.check}{of}: {first.subject}", "fail")
    yield from _body(first)
    more = others if verbosity > 0 else others[: _MOST_FINDINGS - 1]
    for found in more:
        yield Line(f"  also {found.subject}")
        yield from _body(found, indent="  ")
    if left := len(others) - len(more):
        yield Line(f"  {left} more of this check; -v shows them", "dim")
    if first.hint:
        yield Line(f"  what to do: {first.hint}")
    if cause.consequences:
        how = "" if verbosity > 0 else " (-v shows them)"
        yield Line(f"  {agreeing(cause)}; probably failed because of it: {', '.join(cause.consequences)}{how}")
    if verbosity >= 0:
        yield from _next_steps(cause)
    if verbosity > 0:
        for found in findings:
            if found.check in cause.consequences and _is_of(cause.task, found):
                yield from (Line(f"    {text}") for text in found.describe().splitlines())


def _body(found: Finding, indent: str = "") -> Iterator[Line]:
    unit = f" {found.unit}" if found.unit else ""
    yield Line(f"{indent}  expected  {found.expected}{unit}")
    yield Line(f"{indent}  observed  {found.observed}{unit}")
    yield from (Line(f"{indent}  evidence  {text}") for text in found.evidence)


def _next_steps(cause: CauseRecord) -> Iterator[Line]:
    if cause.source is not None:
        yield Line(f"  your code: {cause.source.file}:{cause.source.line} ({cause.source.name})", "next")
    if cause.command:
        yield Line(f"  run it again: {cause.command}", "next")
        if cause.finding.check in _EXPLAINED:
            yield Line(f"  what it checks: pytest --ftcheck-explain={cause.finding.check}", "next")
