"""What the tests of all processes told: of one that ran again, the last time counts."""

from __future__ import annotations

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.judging.collected_notes import CollectedNotes
from pytest_ftcheck.report.plain import plain

FOUND = Finding("data.rows", "mrpc", "many", "few")
CASE = {"task": "mrpc", "check": "data.rows", "cost": "free", "engine": None, "seed": None}
OF_SUITE = {"case": CASE, "findings": [plain(FOUND)]}


def test_the_last_time_counts() -> None:
    told = CollectedNotes()
    told.take("a", OF_SUITE, outcome="failed", reason=None, seconds=1.0)
    told.forget("a")
    assert (told.cases, told.findings) == ({}, [])
    told.take("a", {"case": OF_SUITE["case"]}, outcome="passed", reason=None, seconds=2.0)
    told.take("a", {}, outcome="passed", reason=None, seconds=0.1)  # its teardown
    told.take("own", {"findings": [plain(FOUND)], "left_to": "a"}, outcome="failed", reason=None, seconds=0)
    assert [(case.outcome, case.seconds) for case in told.cases.values()] == [("passed", 2.0)]
    assert [(found.nodeid, found.check) for found in told.findings] == [("own", "data.rows")]
    assert told.values("left_to") == {"own": "a"}
