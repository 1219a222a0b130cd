"""What the tests of all processes told: of one that ran again, the last time counts."""

from __future__ import annotations

from pytest_ftcheck.judging.told import Told

OF_SUITE = {"case": {"task": "mrpc", "check": "data.rows"}, "findings": [{"check": "data.rows"}]}


def test_the_last_time_counts() -> None:
    told = Told()
    told.take("a", OF_SUITE, outcome="failed", reason=None, seconds=1.0)
    told.forget("a")
    assert (told.cases, told.told("findings")) == ({}, [])
    told.take("a", {"case": OF_SUITE["case"]}, outcome="passed", reason=None, seconds=2.0)
    told.take("a", {}, outcome="passed", reason=None, seconds=0.1)  # its teardown
    told.take(
        "own", {"findings": [{"check": "metrics.floor"}], "left_to": "a"}, outcome="failed", reason=None, seconds=0
    )
    assert [(case["outcome"], case["seconds"]) for case in told.cases.values()] == [("passed", 2.0)]
    assert list(told.told_by("findings")) == [("own", {"check": "metrics.floor"})]
    assert told.values("left_to") == {"own": "a"}
