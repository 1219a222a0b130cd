"""The verdict on a session, from notes that are written by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.judging.collected_notes import CollectedNotes
from pytest_ftcheck.judging.gating import CardGates
from pytest_ftcheck.judging.notes import Notes
from pytest_ftcheck.judging.verdict import SessionVerdict
from pytest_ftcheck.report.view import View

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from tests.judging.conftest import MakeRun, MakeSession

FOUND = {
    "check": "data.rows",
    "subject": "sst2",
    "expected": "many rows",
    "observed": "few",
    "hint": "add some.",
    "level": "fail",
    "share": 0.0,
    "evidence": [],
}


def tell(told: CollectedNotes, nodeid: str, outcome: str = "passed", reason: str | None = None, **notes: Any) -> None:
    """Take what a test of the suite told of a check."""
    case = {"task": "sst2", "check": "data.rows", "cost": "free", "engine": None, "seed": None, **notes.pop("case", {})}
    told.take(nodeid, {"case": case, **notes}, outcome=outcome, reason=reason, seconds=0.1)


def tell_gate(told: CollectedNotes, session: FtcheckSession, run: Run, outcome: str = "passed") -> None:
    """Take what the gate of a run told."""
    pipeline, notes = session.pipeline("sst2"), Notes()
    notes.run(run, pipeline)
    notes.gates(CardGates(session.settings, session.parts.masks).judge(pipeline, run, "accuracy").records())
    case = {"check": "metrics.floor", "engine": run.engine, "seed": run.seed, "metric": "accuracy"}
    tell(told, f"floor[{run.engine}-{run.seed}]", outcome, case=case, **notes.values)


def lines(verdict: SessionVerdict) -> str:
    return "\n".join(verdict.lines(verdict.idle_tasks(), View()))


def test_a_session_that_nobody_used_is_told_apart(make_session: MakeSession) -> None:
    session = make_session()
    assert SessionVerdict(session, CollectedNotes()).used  # a task is selected
    session.settings = type(session.settings)()
    assert not SessionVerdict(session, CollectedNotes()).used


def test_a_task_without_a_test_that_ran_is_idle(make_session: MakeSession) -> None:
    told = CollectedNotes()
    verdict = SessionVerdict(make_session(), told)
    tell(told, "a", "skipped", "not now")
    assert verdict.idle_tasks() == ["sst2"]
    assert "no test ran for this task; the session fails" in lines(verdict)
    tell(told, "b")
    assert verdict.idle_tasks() == []


def test_a_test_that_others_left_their_failure_to_must_fail(make_session: MakeSession) -> None:
    told = CollectedNotes()
    verdict = SessionVerdict(make_session(), told)
    tell(told, "cause")
    tell(told, "consequence", "skipped", "see there", left_to="cause")
    assert verdict.unreported == ["cause"]
    assert "cause" in lines(verdict)
    tell(told, "cause", "failed", findings=[FOUND])
    assert verdict.unreported == []


def test_a_run_is_reused_only_where_no_test_made_it(make_session: MakeSession, make_run: MakeRun) -> None:
    session, told = make_session(), CollectedNotes()
    verdict = SessionVerdict(session, told)
    tell_gate(told, session, make_run(reused=True))
    (run,) = verdict.document(0, []).runs
    assert run.reused
    made = Notes()
    made.run(make_run(reused=False), session.pipeline("sst2"))
    tell(told, "maker", **made.values)
    document = verdict.document(0, [])
    assert [entry.reused for entry in document.runs] == [False]


def test_gates_stand_in_the_order_of_the_settings(make_session: MakeSession, make_run: MakeRun) -> None:
    session, told = make_session(engines=("manual", "trainer"), seeds=(3, 1)), CollectedNotes()
    for engine, seed in (("trainer", 1), ("manual", 1), ("trainer", 3), ("manual", 3)):
        tell_gate(told, session, make_run(engine=engine, seed=seed))
    gates = SessionVerdict(session, told).document(0, []).gates
    assert [(gate.engine, gate.seed) for gate in gates] == [
        ("manual", 3),
        ("manual", 1),
        ("trainer", 3),
        ("trainer", 1),
    ]


def test_several_seeds_are_judged_together_and_stand_beside_the_tests(
    make_session: MakeSession, make_run: MakeRun
) -> None:
    session, told = make_session(0.8, seeds=(0, 1)), CollectedNotes()
    for seed in (0, 1):
        tell_gate(told, session, make_run(wrong=40, seed=seed))
    verdict = SessionVerdict(session, told)
    (row,) = verdict.over_seeds
    assert row.value == pytest.approx(0.6)
    assert row.status == "fail"
    assert verdict.red_over_seeds == row.findings
    ((nodeid, red, values),) = verdict.cases_over_seeds()
    assert nodeid == "ftcheck/sst2::test_metric_floor[accuracy-trainer-mean of 2 seeds]"
    assert "accuracy" in red
    assert values == {"accuracy": pytest.approx(0.6), "accuracy_floor": 0.8}
    assert "worst seed" in lines(verdict)


def test_a_seed_whose_run_failed_counts_as_lost(make_session: MakeSession, make_run: MakeRun) -> None:
    session, told = make_session(0.8, seeds=(0, 1, 2)), CollectedNotes()
    for seed in (0, 1):
        tell_gate(told, session, make_run(wrong=2, seed=seed))
    case = {"check": "metrics.floor", "engine": "trainer", "seed": 2, "metric": "accuracy"}
    tell(told, "floor[trainer-2]", "failed", case=case)
    (row,) = SessionVerdict(session, told).over_seeds
    assert row.failed == [2]
    assert list(row.values) == ["0", "1", "2"]


def test_one_seed_has_no_verdict_over_seeds(make_session: MakeSession, make_run: MakeRun) -> None:
    session, told = make_session(0.8), CollectedNotes()
    tell_gate(told, session, make_run(wrong=2))
    assert SessionVerdict(session, told).over_seeds == []


def test_the_summary_names_causes_gates_warnings_and_notes(make_session: MakeSession, make_run: MakeRun) -> None:
    session, told = make_session(0.8), CollectedNotes()
    tell_gate(told, session, make_run(wrong=2))
    tell(told, "red", "failed", findings=[FOUND])
    tell(
        told, "warned", warnings=[{**FOUND, "check": "data.text", "level": "warn", "share": 0.5}], notes=["from store"]
    )
    verdict = SessionVerdict(session, told)
    verdict.more_notes += ["of the session", "from store"]
    text = lines(verdict)
    assert "CAUSE: data.rows: sst2\n  expected  many rows\n  observed  few\n  what to do: add some.\n" in text
    assert "0.9800" in text
    assert "WARNING, data.text: sst2: expected many rows, observed few" in text
    document = verdict.document(1, [])
    assert document.notes == ["from store", "of the session"]
    assert [(found.check, found.because_of) for found in document.findings] == [("data.rows", None)]
    assert [found.nodeid for found in document.warnings] == ["warned"]


def test_files_are_written_or_their_loss_is_told(make_session: MakeSession, tmp_path: Path) -> None:
    def write(verdict: SessionVerdict) -> bool:
        return verdict.write_reports(verdict.document(0, ["sst2"]))

    assert write(SessionVerdict(make_session(), CollectedNotes()))  # none is asked for
    assert write(SessionVerdict(make_session(json=tmp_path / "out.json", md=tmp_path / "out.md"), CollectedNotes()))
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (document["finished"], document["exit_status"], document["idle_tasks"]) == (True, 0, ["sst2"])
    assert (tmp_path / "out.md").read_text(encoding="utf-8").startswith("## ✅ ftcheck: sst2 passed\n")
    (tmp_path / "folder").mkdir()
    lost = SessionVerdict(make_session(json=tmp_path / "folder", ctrf=tmp_path / "folder"), CollectedNotes())
    assert not write(lost)
    in_json, in_ctrf = lost.lost.splitlines()
    assert in_json.startswith(f"--ftcheck-json={tmp_path / 'folder'}: not written, ")
    assert in_ctrf.startswith(f"--ftcheck-ctrf={tmp_path / 'folder'}: not written, ")
    assert in_ctrf.endswith("or give another file.")


def test_limits_are_proposed_from_the_seeds_and_stand_in_the_document(make_session: MakeSession) -> None:
    session, collected = make_session(calibrate=3, seeds=(0, 1, 2)), CollectedNotes()
    for seed, value in enumerate((0.9, 0.92, 0.91)):
        metrics = {"accuracy": value}
        note = {"task": "sst2", "seed": seed, "metrics": metrics, "slices": {}, "rows": 100, "failed": ""}
        tell(collected, f"seed{seed}", calibration=note)
    verdict = SessionVerdict(session, collected)
    proposed = verdict.calibrate(usable=True)
    assert proposed.failure == ""
    assert verdict.document(0, []).calibration == proposed.records() != []
