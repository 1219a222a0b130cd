"""One test of the suite: runs a check on the parts from the fixtures; its findings fail the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy
from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.judging.gating import gates_of
from pytest_ftcheck.judging.judged import found_by_check
from pytest_ftcheck.judging.one_cause import reporting_test_of_check, reporting_test_of_run
from pytest_ftcheck.report.progress import check_line, seconds_left
from pytest_ftcheck.sessions.bundles import NoRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.judging.gating import Gate
    from pytest_ftcheck.judging.running_test import RunningTest
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.report.records import CheckRecord
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.variants import Variant


def judge_check(
    test: RunningTest,
    pipeline: Pipeline,
    variant: Variant,
    check: Check,
    *,
    given_run: Callable[[], Run] | None,
    shown: Callable[[Check], AbstractContextManager[None]],
) -> None:
    """Run a check.

    Args:
        test: the test that runs it.
        pipeline: the parts of the test.
        variant: task, engine and seed.
        check: the check, or the result of `floor_check`.
        given_run: returns the run of a user's fixture; None: the run is that of the session.
        shown: shows which check runs, inside its context.

    Raises:
        CheckFailure: the findings of the check, or the failure of the run that it needs.
        FtcheckError: the tool is misused.
        NotApplicable: the check does not apply, or another test reports why it cannot judge.

    """
    session, notes = test.session, test.notes
    if check.id in pipeline.card.skipped:
        raise NotApplicable(pipeline.card.skipped[check.id])
    evidence = _evidence(test, pipeline, variant, given_run)
    if reason := session.budget.reason(notes.case):
        raise NotApplicable(reason)
    try:
        with session.budget.measured(notes.case), shown(check):
            found = found_by_check(check, evidence, strict=session.settings.strict)
    except ReportedBy as why:
        if reporting_test := reporting_test_of_check(notes.case, why.check, test.tests()):
            notes.left_to(reporting_test)
        raise
    except NoRun as failure:
        _leave_to_another(test, pipeline, failure)
    except FtcheckError as error:
        test.fail_once(error, variant)
    finally:
        if evidence.has_run:
            test.note_run(evidence.run, pipeline)
    notes.warnings(found.warnings)
    if found.red:
        raise CheckFailure(found.red)


def floor_check(test: RunningTest, metric: str) -> Check:
    """Make the check of one metric's limits, which notes its verdicts for the summary."""

    def note(gate: Gate) -> None:
        test.notes.gates(gate.records())
        if gate.not_compared is not None:
            _fail_once_for_baseline(test, gate, gate.not_compared)

    return gates_of(test.session).check(metric, note, test.notes.warnings)


def line_of_check(test: RunningTest, check: Check, finished: Mapping[str, CheckRecord]) -> str:
    """Describe the check that runs, its place among the tests of the suite, and the time that is left.

    Args:
        test: the test that runs it.
        check: the check.
        finished: tests of the suite that have finished, by node id.

    """
    costs = {nodeid: str(case["cost"]) for nodeid, case in test.tests() if case}
    left = seconds_left(
        list(_own_seconds(finished.values())),
        [cost for nodeid, cost in costs.items() if nodeid not in finished],
    )
    place = list(costs).index(test.nodeid) + 1 if test.nodeid in costs else 0
    task = str(test.notes.case.get("task", ""))
    return check_line(task, check.id, check.meaning, place=place, count=len(costs), left=left)


def _own_seconds(finished: Iterable[CheckRecord]) -> Iterator[tuple[str, float]]:
    """Yield cost and seconds of tests, without the first one of each run: it took as long as the training."""
    trained = set()
    for case in finished:
        run = (case.task, case.engine, case.seed)
        if case.cost == "run" and case.outcome != "skipped" and run not in trained:
            trained.add(run)
        else:
            yield case.cost, case.seconds


def _evidence(test: RunningTest, pipeline: Pipeline, variant: Variant, given_run: Callable[[], Run] | None) -> Evidence:
    bundles = test.session.bundles
    if given_run is not None:
        return bundles.over(given_run, pipeline, variant)
    # A worker of xdist takes whole tasks.
    return bundles.of(
        pipeline, variant, serves=lambda: any(case.get("check", "").startswith("serving.") for _, case in test.tests())
    )


def _fail_once_for_baseline(test: RunningTest, gate: Gate, failure: CheckFailure) -> NoReturn:
    """Fail the test of a run's first metric for all metrics; it also reports this metric's other findings.

    Raises:
        CheckFailure: this test reports the failure, or a limit does not hold.
        NotApplicable: the test of another metric reports it.

    """
    origin = gate.origin
    reporting_test = test.session.reporting_test((origin.task, origin.engine, origin.seed), failure, test.nodeid)
    if reporting_test == test.nodeid:
        raise CheckFailure([*gate.bad, *failure.findings])
    if gate.bad:
        raise CheckFailure(gate.bad)
    test.leave_to(reporting_test, failure)


def _leave_to_another(test: RunningTest, pipeline: Pipeline, failure: NoRun) -> NoReturn:
    """Leave a failed run to the test of the check that reports it, if that is in the session; else fail once.

    Raises:
        CheckFailure: this test reports the failure.
        NotApplicable: another test reports it.

    """
    case, named = test.notes.case, {finding.check for finding in failure.findings} - pipeline.card.skipped.keys()
    run = {"task": case["task"], "engine": failure.engine, "seed": case["seed"]}
    error = CheckFailure(failure.findings)
    if case["check"] in named:
        raise error
    if reporting_test := reporting_test_of_run(run, named, test.tests()):
        test.leave_to(reporting_test, error)
    test.fail_once(error, tuple(run.values()))
