"""A running test notes its runs, and a run that failed is the failure of one test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.judging.notes import Notes
from pytest_ftcheck.judging.running_test import RunningTest
from pytest_ftcheck.sessions.variants import Variant

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.sessions.session import FtcheckSession
    from tests.judging.conftest import MakeRun, MakeSession

FAILURE = CheckFailure([Finding("training.finite_loss", "sst2", "a finite loss", "nan at step 1")])


def running(session: FtcheckSession, nodeid: str = "own") -> RunningTest:
    return RunningTest(session, nodeid, Notes(), lambda: ())


def test_a_run_that_failed_is_the_failure_of_the_first_test(make_session: MakeSession) -> None:
    session = make_session()
    first, second = running(session, "first"), running(session, "second")
    with pytest.raises(CheckFailure), first.failing_once("run"):
        raise FAILURE
    reason = r"not judged because of training\.finite_loss: nan at step 1"
    with pytest.raises(NotApplicable, match=reason), second.failing_once("run"):
        raise FAILURE
    assert [test.notes.values for test in (first, second)] == [{}, {"left_to": "first"}]
    with pytest.raises(CheckFailure), second.failing_once("another run"):
        raise FAILURE


def test_what_no_run_raises_is_let_through(make_session: MakeSession) -> None:
    with pytest.raises(ZeroDivisionError), running(make_session()).failing_once("run"):
        _ = 1 / 0


def test_a_test_trains_with_other_arguments_and_notes_the_run(make_session: MakeSession, make_run: MakeRun) -> None:
    session, trained = make_session(), list[Any]()

    def run(pipeline: Any, **variant: Any) -> Any:
        trained.append((dict(pipeline.args), variant))
        return make_run()

    stand_in: Any = SimpleNamespace(run=run, store=SimpleNamespace(notes=("an entry was repaired",)))
    session.runs = stand_in
    test, pipeline = running(session), session.pipeline("sst2")
    train = test.trained(pipeline, Variant("sst2", "trainer", 3))
    train()
    train(learning_rate=1.0, engine="manual", seed=4)
    assert trained[0] == (pipeline.args, {"engine": "trainer", "seed": 3})
    assert trained[1] == ({**pipeline.args, "learning_rate": 1.0}, {"engine": "manual", "seed": 4})
    assert len(test.notes.values["runs"]) == 1  # the made-up runs have one name
    assert test.notes.values["notes"] == ["an entry was repaired"]
    assert "figures" not in test.notes.values


def test_one_test_notes_the_figures_of_a_run_for_a_document(
    make_session: MakeSession, make_run: MakeRun, tmp_path: Path
) -> None:
    session = make_session(json=tmp_path / "out.json")
    stand_in: Any = SimpleNamespace(store=SimpleNamespace(notes=()))
    session.runs = stand_in
    tests, run = [running(session, name) for name in ("first", "second")], make_run()
    for test in (*tests, *tests):
        test.note_run(run, session.pipeline("sst2"))
    assert [len(test.notes.values.get("figures", ())) for test in tests] == [1, 0]
