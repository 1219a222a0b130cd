"""One test of the suite: what a check finds fails it, and what it cannot judge is left to another test."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import Check, NotApplicable, ReportedBy, finding, warning
from pytest_ftcheck.errors import CheckFailure, SettingsError
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.judging.notes import Notes
from pytest_ftcheck.judging.running_test import RunningTest
from pytest_ftcheck.judging.suite import floor_check, judge_check, line_of_check
from pytest_ftcheck.report.records import CheckRecord
from pytest_ftcheck.sessions.bundles import NoRun
from pytest_ftcheck.sessions.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from tests.judging.conftest import MakeRun, MakeSession

CASE = {"task": "sst2", "check": "data.rows", "cost": "free", "engine": None, "seed": None}
COMPLETES = {"task": "sst2", "check": "training.completes", "cost": "run", "engine": "trainer", "seed": 0}
VARIANT = Variant("sst2", "trainer", 0)
BROKEN = Finding("training.completes", "sst2", "a run", "it broke")


def running(session: FtcheckSession, *others: tuple[str, dict[str, Any]], nodeid: str = "own") -> RunningTest:
    case = {**CASE, "engine": "trainer", "seed": 0}
    return RunningTest(session, nodeid, Notes({"case": case}), lambda: [(nodeid, case), *others])


def check(found: Any, name: str = "data.rows") -> Check:
    def function(*_: Any) -> list[Finding]:
        """Rows are there."""
        if isinstance(found, Exception):
            raise found
        return list(found)

    return Check(name, function, "free", "something", "do something.")


def judged(test: RunningTest, check: Check, run: Run | None = None) -> list[str]:
    """Judge a check on the parts of its task; return the ids of the checks that were shown."""
    shown: list[str] = []

    @contextmanager
    def show(check: Check) -> Iterator[None]:
        shown.append(check.id)
        yield

    given = None if run is None else lambda: run
    judge_check(test, test.session.pipeline("sst2"), VARIANT, check, given_run=given, shown=show)
    return shown


def test_a_healthy_check_passes_and_its_warnings_are_noted(make_session: MakeSession) -> None:
    test = running(make_session())
    assert judged(test, check([warning("much", "some", share=0.5)])) == ["data.rows"]
    assert [found["observed"] for found in test.notes.values["warnings"]] == ["some"]


def test_findings_fail_the_test(make_session: MakeSession) -> None:
    with pytest.raises(CheckFailure, match="little"):
        judged(running(make_session()), check([finding("much", "little")]))


def test_a_check_that_a_card_skips_is_not_run(make_session: MakeSession) -> None:
    session = make_session(card={"checks": {"data.rows": {"skip": "we know"}}})
    with pytest.raises(NotApplicable, match="we know"):
        judged(running(session), check([finding("much", "little")]))


def test_a_check_that_does_not_fit_the_budget_is_not_run(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session()
    monkeypatch.setattr(session.budget, "reason", lambda _: "no time is left")
    with pytest.raises(NotApplicable, match="no time is left"):
        judged(running(session), check([finding("much", "little")]))


@pytest.mark.parametrize(("others", "left_to"), [([("other", COMPLETES)], "other"), ([], None)])
def test_what_another_check_reports_is_left_to_its_test(
    make_session: MakeSession, others: list[Any], left_to: str | None
) -> None:
    test = running(make_session(), *others)
    with pytest.raises(NotApplicable, match=r"not judged because of training\.completes"):
        judged(test, check(ReportedBy(check="training.completes", reason="it broke")))
    assert test.notes.values.get("left_to") == left_to


def test_a_run_that_broke_is_left_to_the_test_of_the_check_that_names_it(make_session: MakeSession) -> None:
    failure = NoRun([BROKEN], "trainer")
    session = make_session()
    test = running(session, ("other", COMPLETES))
    with pytest.raises(NotApplicable, match="it broke"):
        judged(test, check(failure))
    assert test.notes.values["left_to"] == "other"
    own = RunningTest(session, "other", Notes({"case": COMPLETES}), test.tests)
    with pytest.raises(CheckFailure, match="it broke"):
        judged(own, check(failure, "training.completes"))
    with pytest.raises(CheckFailure, match="it broke"):  # no test of that check is in the session
        judged(running(session), check(failure))


def test_misuse_fails_one_test(make_session: MakeSession) -> None:
    session, error = make_session(), SettingsError("a wrong option")
    with pytest.raises(SettingsError):
        judged(running(session), check(error))
    with pytest.raises(NotApplicable, match="there is no run: a wrong option"):
        judged(running(session, nodeid="second"), check(error))


def test_a_limit_is_judged_and_its_verdict_noted(make_session: MakeSession, make_run: MakeRun) -> None:
    test = running(make_session({"min": 0.95}))
    test.session.runs = type("Runs", (), {"store": type("Store", (), {"notes": ()})})  # type: ignore[assignment]
    with pytest.raises(CheckFailure, match="accuracy"):
        judged(test, floor_check(test, "accuracy"), make_run(wrong=40))
    assert [gate["metric"] for gate in test.notes.values["gates"]] == ["accuracy"]
    assert len(test.notes.values["runs"]) == 1


def test_a_line_names_the_place_of_a_check_and_the_time_left(make_session: MakeSession) -> None:
    test = running(make_session(), ("other", CASE), ("of the project", {}))
    finished: Any = {**CASE, "outcome": "passed", "reason": None, "seconds": 9.0}
    line = line_of_check(test, check([]), {"other": CheckRecord(nodeid="other", **finished)})
    assert line == ("sst2 · check 1 of 2 · about 0:09 left · data.rows: Rows are there.")


def test_the_test_that_trained_the_run_says_nothing_about_the_others(make_session: MakeSession) -> None:
    """After a training of 40 minutes, 36 checks of a second each were announced with hours."""
    test = running(make_session(), ("quick", CASE), ("first", COMPLETES), ("second", COMPLETES), ("third", COMPLETES))

    def ended(nodeid: str, case: Any, seconds: float) -> CheckRecord:
        return CheckRecord(nodeid=nodeid, seconds=seconds, outcome="passed", reason=None, **case)

    finished = {"quick": ended("quick", CASE, 0.5), "first": ended("first", COMPLETES, 2400.0)}
    assert " left · " not in line_of_check(test, check([]), finished)
    finished["second"] = ended("second", COMPLETES, 2.0)
    assert " · about 0:02 left · " in line_of_check(test, check([]), finished)  # 0.5 and 2, rounded to even
