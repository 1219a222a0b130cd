"""Causes and consequences among red tests, by task."""

from __future__ import annotations

from typing import Any

from pytest_ftcheck.checks.causes import likely_causes
from pytest_ftcheck.judging.causes import Causes
from pytest_ftcheck.report.records import CheckRecord, FoundRecord

CAUSE, CONSEQUENCE = "collator.mask", "metrics.not_constant"


def found(check: str, nodeid: str) -> FoundRecord:
    return FoundRecord(check, "a task", "one", "another", nodeid=nodeid)


def case(nodeid: str, task: str) -> CheckRecord:
    of_parts: dict[str, Any] = {"cost": "free", "engine": None, "seed": None}
    return CheckRecord(nodeid=nodeid, task=task, check=CAUSE, outcome="failed", reason=None, seconds=0.1, **of_parts)


def test_a_cause_stands_before_its_consequence_which_names_it() -> None:
    assert [(cause.check, cause.consequences) for cause in likely_causes({CAUSE, CONSEQUENCE})] == [
        (CAUSE, (CONSEQUENCE,))
    ]
    cases = {name: case(name, task) for name, task in (("a", "mrpc"), ("b", "mrpc"), ("c", "sst2"))}
    causes = Causes(cases, [found(CONSEQUENCE, "a"), found(CAUSE, "b"), found(CONSEQUENCE, "c"), found(CAUSE, "own")])
    assert [(entry.nodeid, entry.because_of) for entry in causes.findings()] == [
        ("b", None),
        ("a", CAUSE),
        ("c", None),
        ("own", None),
    ]
    assert sorted("abc", key=causes.rank) == ["b", "a", "c"]
    assert causes.red_of("own") == []
    assert [(told.task, told.finding.nodeid) for told in causes.records()] == [("mrpc", "b"), ("sst2", "c")]
