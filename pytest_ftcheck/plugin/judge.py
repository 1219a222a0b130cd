"""One test of the suite: run a check on what the fixtures gave; what it finds is the test's failure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, ToldBy, run_check
from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.judging.checks import FLOOR, ungated
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.plugin.evidence import NoRun, evidence_of
from pytest_ftcheck.plugin.gating import judge_by_card, red_findings
from pytest_ftcheck.plugin.report import case_of, note_run, note_warnings, notes_of
from pytest_ftcheck.plugin.runs import not_judged, tell_of
from pytest_ftcheck.training.determinism import isolated

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant


def judge(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, variant: Variant, check: Check
) -> None:
    """Run a check; skip the test where it cannot be asked.

    Raises:
        CheckFailure: what the check found, or what ended the run that it needs.
        FtcheckError: the tool is misused.

    """
    if check.id in pipeline.card.skipped:
        pytest.skip(pipeline.card.skipped[check.id])
    evidence = evidence_of(request, session, pipeline, variant)
    try:
        with quiet_libraries(), isolated(int(evidence.environment["threads"])):
            findings = run_check(check, evidence)
    except NotApplicable as reason:
        if isinstance(reason, ToldBy):
            _leave_to_check(request.node, reason.check)
        pytest.skip(str(reason))
    except NoRun as failure:
        _leave_to_another(request.node, session, pipeline, failure)
    except FtcheckError as error:
        tell_of(request.node, session, error, variant)
    finally:
        if "run" in vars(evidence):  # a cached property: asking for it would train
            note_run(request.node, evidence.run, pipeline)
            notes_of(request.node)["notes"] = list(session.open_store(request.config).notes)
    red = [found for found in findings if found.level == "fail" or session.settings.strict]
    note_warnings(request.node, [found for found in findings if found not in red])
    if red:
        raise CheckFailure(red)


def floor_check(item: pytest.Item, session: FtcheckSession, metric: str) -> Check:
    """Make the check of one metric's limits, which notes its verdicts for the summary.

    With several seeds, each one alone informs: the session's end judges them together.
    """
    several = len(session.settings.seeds) > 1

    def keeps_its_limits(evidence: Evidence, _: object) -> list[Finding]:
        """It keeps to its limits."""
        pipeline = evidence.pipeline
        verdicts = judge_by_card(item, session, pipeline, evidence.run, metric, informs=several)
        if reason := ungated(pipeline, metric, verdicts):
            if session.settings.update_baseline:  # the run is looked at, and may be what later ones are compared with
                return []
            raise NotApplicable(reason)
        return [] if several else red_findings(item, verdicts.values(), strict=session.settings.strict)

    return replace(FLOOR, function=keeps_its_limits)


def _leave_to_check(item: pytest.Item, check: str) -> None:
    """Note which test must be red, where it is in this session."""
    case = case_of(item)
    for other in item.session.items:
        told = case_of(other)
        # A check of the parts alone has neither engine nor seed.
        same = all(told.get(key) in (None, case[key]) for key in ("engine", "seed"))
        if told.get("task") == case["task"] and told["check"] == check and same:
            notes_of(item)["left_to"] = other.nodeid
            return


def _leave_to_another(item: pytest.Item, session: FtcheckSession, pipeline: Pipeline, failure: NoRun) -> NoReturn:
    """Skip a test whose run failed, where the test of the check that tells of it is in this session; else fail once."""
    case, named = case_of(item), {finding.check for finding in failure.findings} - pipeline.card.skipped.keys()
    run = {"task": case["task"], "engine": failure.engine, "seed": case["seed"]}
    error = CheckFailure(failure.findings)
    if case["check"] in named:
        raise error
    for other in item.session.items:
        told = case_of(other)
        if run.items() <= told.items() and told["check"] in named:
            notes_of(item)["left_to"] = other.nodeid
            pytest.skip(not_judged(error))
    tell_of(item, session, error, tuple(run.values()))
