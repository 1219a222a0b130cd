"""Runs one check, for the suite in pytest and for `judge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_ftcheck.checks.catalogue import run_check
from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.sessions.bundles import NoRun
from pytest_ftcheck.training.determinism import isolated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.verdicts import Verdict


class Found(NamedTuple):
    """The findings of a check or a gate."""

    red: list[Finding]
    warnings: list[Finding]
    """Findings that do not fail."""


def found_by_check(check: Check, evidence: Evidence, *, strict: bool) -> Found:
    """Run a check.

    Args:
        check: a check of the catalogue, or a gate.
        evidence: the input of the check.
        strict: True: its warnings fail, too.

    Raises:
        NotApplicable: the check does not apply to these parts.
        CheckFailure: the run that the check needs failed.
        FtcheckError: the tool is misused.

    """
    with quiet_libraries(), isolated(int(evidence.environment["threads"])):
        try:
            found = run_check(check, evidence)
        except NoRun:
            raise
        except CheckFailure as failure:
            _raise_if_the_run_failed_too(evidence, failure)
            raise
    red = [entry for entry in found if entry.level == "fail" or strict]
    return Found(red, [entry for entry in found if entry not in red])


def _raise_if_the_run_failed_too(evidence: Evidence, failure: CheckFailure) -> None:
    """Raise the failure of the run where a short training of a check failed for the same reason: it is reported once.

    Raises:
        NoRun: as above.

    """
    try:
        _ = evidence.run
    except NoRun as of_run:
        if {finding.check for finding in of_run.findings} & {finding.check for finding in failure.findings}:
            raise of_run from failure


def found_by_gates(verdicts: Iterable[Verdict], *, strict: bool) -> Found:
    """Sort the findings of verdicts; inconclusive findings pass, unless ``strict`` is True."""
    found = Found([], [])
    for verdict in verdicts:
        fails = verdict.status == "fail" or (strict and verdict.status == "inconclusive")
        (found.red if fails else found.warnings).extend(verdict.findings)
    return found


def not_judged(error: CheckFailure | FtcheckError) -> str:
    """Return the skip reason of a test that cannot judge, where another test reports the failure in full."""
    if isinstance(error, CheckFailure):
        first = error.findings[0]
        return f"not judged because of {first.check}: {first.observed}"
    return f"not judged because there is no run: {error}"
