"""Limits are proposed from what seeds told, refused where that is too little, and written on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import CheckFailure, SettingsError
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.judging.calibration import CALIBRATION, Calibration, Proposed, check_calibration, measure_seed
from pytest_ftcheck.judging.notes import Notes
from pytest_ftcheck.sessions.variants import Variant
from pytest_ftcheck.settings import Settings

if TYPE_CHECKING:
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from tests.judging.conftest import MakeRun, MakeSession

VALUES = (0.95, 0.96, 0.955, 0.965, 0.958)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(calibrate=3, no_train=True), "remove no-train from the configuration file"),
        (Settings(calibrate=3, engines=("trainer", "manual")), r"trains with one engine.* Give --ftcheck-engine\."),
    ],
)
def test_what_a_calibration_cannot_answer_is_refused(settings: Settings, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check_calibration(settings)
    check_calibration(Settings(calibrate=3))


# -- one seed ---------------------------------------------------------------------------------------------------------


def measured(session: FtcheckSession, run: Run | CheckFailure) -> tuple[str, dict[str, Any]]:
    """Measure a seed whose run is given; return why it failed, and what it noted."""

    def give(*_: object, **__: object) -> Run:
        if isinstance(run, CheckFailure):
            raise run
        return run

    stand_in: Any = type("Runs", (), {"run": staticmethod(give)})()
    session.runs = stand_in
    notes = Notes()
    failed = measure_seed(session, session.pipeline("sst2"), Variant("sst2", "trainer", 0), notes)
    return failed, notes.values


def test_a_seed_tells_its_metrics_and_those_of_limited_slices(make_session: MakeSession, make_run: MakeRun) -> None:
    limits = {"min": 0.8, "slices": {"class=negative": 0.7}}
    session = make_session(limits, {"slices": ["class"]}, calibrate=5)
    failed, told = measured(session, make_run(wrong=10))
    assert failed == ""
    assert told[CALIBRATION]["metrics"]["accuracy"] == 0.9
    assert told[CALIBRATION]["rows"] == 100
    assert list(told[CALIBRATION]["slices"]["accuracy"]) == ["class=negative"]
    assert list(told["runs"]) != []


def test_a_seed_that_fails_is_part_of_the_calibration(make_session: MakeSession, make_run: MakeRun) -> None:
    failure = CheckFailure([Finding("training.finite_loss", "sst2", "a finite loss", "nan at step 1")])
    failed, told = measured(make_session(), failure)
    assert failed == told[CALIBRATION]["failed"] == "nan at step 1"
    assert told[CALIBRATION]["metrics"] == {}
    constant = make_run(logits=make_run().logits * 0 + [0, 1])
    failed, _ = measured(make_session(), constant)
    assert failed == "it predicts the same value for every row, or no finite value"


# -- all seeds --------------------------------------------------------------------------------------------------------


def note(seed: int, value: float, failed: str = "") -> dict[str, Any]:
    metrics = {} if failed else {"accuracy": value}
    return {"task": "sst2", "seed": seed, "metrics": metrics, "slices": {}, "rows": 100, "failed": failed}


def told_by(*values: float) -> list[dict[str, Any]]:
    """Notes of seeds, the last one first, as workers may tell them."""
    return [note(seed, value) for seed, value in enumerate(values)][::-1]


@pytest.fixture
def five(make_session: MakeSession) -> FtcheckSession:
    return make_session(calibrate=5, seeds=tuple(range(5)))


def test_limits_are_proposed_and_told(five: FtcheckSession) -> None:
    proposed = Calibration(five).propose(told_by(*VALUES), usable=True)
    assert (proposed.complete, proposed.written, proposed.failure) == (True, True, "")
    assert proposed.lines[0] == "sst2 with tiny-bert, tier tiny:"
    assert any("accuracy = {" in line for line in proposed.lines)
    (record,) = proposed.records()
    assert (record.task, record.tier, record.checkpoint, record.refused) == (
        "sst2",
        "tiny",
        "tiny-bert",
        {},
    )
    assert record.limits["accuracy"]["min"] < min(VALUES)
    assert list(proposed.cases()) == [("ftcheck/sst2::limits[accuracy]", "")]
    assert not (five.settings.rootdir / "ftcheck.toml").exists()  # nobody asked for it


def test_seeds_that_do_not_learn_have_no_limit(five: FtcheckSession) -> None:
    proposed = Calibration(five).propose(told_by(0.5, 0.52, 0.48, 0.51, 0.49), usable=True)
    assert not proposed.complete
    ((nodeid, why),) = proposed.cases()
    assert nodeid == "ftcheck/sst2::limits[accuracy]"
    assert why != ""
    assert proposed.records()[0].refused == {"accuracy": why}


def test_without_all_seeds_nothing_is_proposed(five: FtcheckSession) -> None:
    proposed = Calibration(five).propose(told_by(*VALUES)[:4], usable=True)
    message = "NOTHING PROPOSED: not all of the 5 seeds of sst2 were trained: limits need all seeds."
    assert (proposed.lines, proposed.failure, proposed.complete) == ([message], message, False)
    assert list(proposed.cases()) == [("ftcheck/calibration::limits", message)]


@pytest.fixture
def writing(make_session: MakeSession) -> FtcheckSession:
    session = make_session(calibrate=5, seeds=tuple(range(5)), write_floors=True)
    (session.settings.rootdir / "ftcheck.toml").write_text("strict = false  # mine\n", encoding="utf-8")
    return session


def test_limits_are_written_beside_what_is_there(writing: FtcheckSession) -> None:
    proposed = Calibration(writing).propose(told_by(*VALUES), usable=True)
    assert proposed.lines[-1] == "written to ftcheck.toml"
    assert proposed.complete
    text = (writing.settings.rootdir / "ftcheck.toml").read_text(encoding="utf-8")
    assert text.startswith("strict = false  # mine\n")
    assert "accuracy = {" in text


@pytest.mark.parametrize(
    ("values", "usable", "why"),
    [
        (VALUES, False, "NOT WRITTEN: the session failed."),
        ((0.5,) * 5, True, "NOT WRITTEN: no limit is proposed; ftcheck.toml stays unchanged."),
    ],
)
def test_what_is_not_to_be_trusted_is_not_written(
    writing: FtcheckSession,
    values: tuple[float, ...],
    usable: bool,  # noqa: FBT001 - a parameter
    why: str,
) -> None:
    proposed = Calibration(writing).propose(told_by(*values), usable=usable)
    assert proposed.lines[-1] == why
    assert not proposed.written
    assert not proposed.complete
    assert (writing.settings.rootdir / "ftcheck.toml").read_text(encoding="utf-8") == "strict = false  # mine\n"


def test_a_file_that_cannot_be_written_is_told(writing: FtcheckSession) -> None:
    (writing.settings.rootdir / "ftcheck.toml").write_text("not = = toml", encoding="utf-8")
    proposed = Calibration(writing).propose(told_by(*VALUES), usable=True)
    assert proposed.lines[-1].startswith(("NOT WRITTEN: ", "NOTHING PROPOSED: "))
    assert not proposed.written


def test_nothing_proposed_is_not_complete() -> None:
    assert not Proposed([], [], written=True).complete
