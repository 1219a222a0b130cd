"""Sections beside the section ftcheck: each is there where the session has something to show in it."""

from __future__ import annotations

from typing import Any

from pytest_ftcheck.judging.collected_notes import CollectedNotes
from pytest_ftcheck.judging.sections import sections_of


def shown(*calibration: str, **notes: Any) -> dict[str, list[str]]:
    collected = CollectedNotes()
    collected.take("a", notes, outcome="passed", reason=None, seconds=0.1)
    return dict(sections_of(collected, calibration, color=False, width=80))


def test_a_session_without_any_shows_none() -> None:
    assert shown() == {}


def test_steps_that_were_measured_and_compared_are_one_section() -> None:
    row = {"case": "manual", "task": "mrpc", "not_measured": "out of memory"}
    found = shown(bench=[row], compared=[{"task": "mrpc", "described": "no slower"}])
    (title,) = found
    assert title == "ftcheck: training steps"
    assert found[title][0] == "mrpc: no slower"
    assert "| manual | not measured: out of memory" in found[title][1]
    assert shown(compared=[{"task": "mrpc", "described": "no slower"}]) == {title: ["mrpc: no slower"]}


def test_planted_faults_have_a_table_that_a_narrow_log_does_not_break() -> None:
    proof = {
        "fault": "labels_of_the_neighbour",
        "task": "mrpc",
        "engine": "manual",
        "outcome": "survived",
        "listed": ["collator.labels"],
        "caught": [],
        "also": [],
        "not_applicable": "",
        "seconds": 0.1,
        "verdicts": {},
    }
    (lines,) = shown(faults=[proof]).values()
    assert any("labels_of_the_neighbour" in line and "survived" in line for line in lines[0].splitlines())
    assert lines[1] == "faults: 0 of 1 caught (0.0%), 0 not applicable"


def test_proposed_limits_are_shown_without_control_characters() -> None:
    assert shown("accuracy\x1b[2J") == {"ftcheck: calibration": ["accuracy\\x1b[2J"]}
