"""Causes and consequences among red tests, by task."""

from __future__ import annotations

from typing import Any

from pytest_ftcheck.checks.causes import likely_causes
from pytest_ftcheck.judging.causes import Causes, folded

CAUSE, CONSEQUENCE = "collator.mask", "metrics.not_constant"


def found(check: str, nodeid: str) -> dict[str, Any]:
    return {"nodeid": nodeid, "check": check, "expected": "one", "observed": "another"}


def test_a_cause_stands_before_its_consequence_which_names_it() -> None:
    assert [(cause.check, cause.consequences) for cause in likely_causes({CAUSE, CONSEQUENCE})] == [
        (CAUSE, (CONSEQUENCE,))
    ]
    cases = {name: {"task": task} for name, task in (("a", "mrpc"), ("b", "mrpc"), ("c", "sst2"))}
    causes = Causes(cases, [found(CONSEQUENCE, "a"), found(CAUSE, "b"), found(CONSEQUENCE, "c"), found(CAUSE, "own")])
    assert [(entry["nodeid"], entry["because_of"]) for entry in causes.findings()] == [
        ("b", None),
        ("a", CAUSE),
        ("c", None),
        ("own", None),
    ]
    assert sorted("abc", key=causes.rank) == ["b", "a", "c"]
    assert causes.red_of("own") == []
    assert [(told["task"], told["finding"]["nodeid"]) for told in causes.told()] == [("mrpc", "b"), ("sst2", "c")]


def test_only_what_is_a_consequence_is_folded() -> None:
    red = {**found(CONSEQUENCE, "a"), "because_of": CAUSE}
    assert folded([red]).endswith(f"probably because of {CAUSE}, see there; -v tells everything")
    assert folded([red, {**red, "because_of": None}]) == ""
