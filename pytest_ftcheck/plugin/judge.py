"""One test of the suite: runs a check on the parts from the fixtures; its findings fail the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy
from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.judging.gating import gates_of
from pytest_ftcheck.judging.judged import ask, not_judged
from pytest_ftcheck.judging.one_cause import reporting_test_of_check, reporting_test_of_run
from pytest_ftcheck.plugin.parts import overridden
from pytest_ftcheck.plugin.progress import checking
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.runs import fail_once, note_run
from pytest_ftcheck.sessions.bundles import NoRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.judging.gating import Gate
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant


def judge(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, variant: Variant, check: Check
) -> None:
    """Run a check; skip the test where the check does not apply.

    Raises:
        CheckFailure: the findings of the check, or the failure of the run that it needs.
        FtcheckError: the tool is misused.

    """
    if check.id in pipeline.card.skipped:
        pytest.skip(pipeline.card.skipped[check.id])
    notes, evidence = notes_of(request.node), _evidence(request, session, pipeline, variant)
    if reason := session.budget.reason(notes.case):
        pytest.skip(reason)
    try:
        with session.budget.measured(notes.case), checking(request.node, check):
            found = ask(check, evidence, strict=session.settings.strict)
    except NotApplicable as why:
        if isinstance(why, ReportedBy) and (
            reporting_test := reporting_test_of_check(notes.case, why.check, _tests(request.session))
        ):
            notes.left_to(reporting_test)
        pytest.skip(str(why))
    except NoRun as failure:
        _leave_to_another(request.node, session, pipeline, failure)
    except FtcheckError as error:
        fail_once(request.node, session, error, variant)
    finally:
        if evidence.has_run:
            note_run(request.node, session, evidence.run, pipeline)
    notes.warnings(found.warnings)
    if found.red:
        raise CheckFailure(found.red)


def floor_check(item: pytest.Item, session: FtcheckSession, metric: str) -> Check:
    """Make the check of one metric's limits, which notes its verdicts for the summary."""
    notes = notes_of(item)

    def note(gate: Gate) -> None:
        notes.gates(gate.records())
        if gate.not_compared is not None:
            _fail_once_for_baseline(item, session, gate, gate.not_compared)

    return gates_of(session).check(metric, note, notes.warnings)


def _evidence(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, variant: Variant
) -> Evidence:
    if overridden(request, "ft_run") or overridden(request, "ft_train"):
        return session.bundles.over(lambda: request.getfixturevalue("ft_run"), pipeline, variant)
    # A worker of xdist takes whole tasks.
    return session.bundles.of(
        pipeline,
        variant,
        serves=lambda: any(case.get("check", "").startswith("serving.") for _, case in _tests(request.session)),
    )


def _tests(session: pytest.Session) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield all tests of this process, each with its case: task, check, engine and seed."""
    for item in session.items:
        yield item.nodeid, notes_of(item).case


def _fail_once_for_baseline(item: pytest.Item, session: FtcheckSession, gate: Gate, failure: CheckFailure) -> NoReturn:
    """Fail the test of a run's first metric for all metrics; it also reports this metric's other findings.

    Raises:
        CheckFailure: this test reports the failure, or a limit does not hold.
        NotApplicable: the test of another metric reports it.

    """
    origin = gate.origin
    reporting_test = session.reporting_test((origin.task, origin.engine, origin.seed), failure, item.nodeid)
    if reporting_test == item.nodeid:
        raise CheckFailure([*gate.bad, *failure.findings])
    if gate.bad:
        raise CheckFailure(gate.bad)
    notes_of(item).left_to(reporting_test)
    raise NotApplicable(not_judged(failure))


def _leave_to_another(item: pytest.Item, session: FtcheckSession, pipeline: Pipeline, failure: NoRun) -> NoReturn:
    """Skip a test whose run failed, if the test of the check that reports this is in the session; else fail once."""
    case, named = notes_of(item).case, {finding.check for finding in failure.findings} - pipeline.card.skipped.keys()
    run = {"task": case["task"], "engine": failure.engine, "seed": case["seed"]}
    error = CheckFailure(failure.findings)
    if case["check"] in named:
        raise error
    if reporting_test := reporting_test_of_run(run, named, _tests(item.session)):
        notes_of(item).left_to(reporting_test)
        pytest.skip(not_judged(error))
    fail_once(item, session, error, tuple(run.values()))
