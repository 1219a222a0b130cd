"""Two steps are compared: what comes of it is noted, and a slower one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.judging import bench
from pytest_ftcheck.judging.notes import Notes
from pytest_ftcheck.sessions.variants import Variant
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.speed.compare import Comparison, Interval
from pytest_ftcheck.speed.requests import Measuring

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

SPEC = "engine=manual,trainer"
QUIET, NOISY = (1.0, 0.99, 1.01), (1.0, 0.5, 1.9)


def compared(pipeline: Pipeline, notes: Notes, why_not: str = "") -> None:
    measuring = Measuring(Settings(device="cpu"), why_not=why_not)
    bench.compare_steps(measuring, pipeline, Variant("sst2", "manual", 5), SPEC, notes, options={})


@pytest.mark.parametrize(
    ("found", "null", "raised"),
    [(QUIET, QUIET, None), ((1.5, 1.4, 1.6), QUIET, CheckFailure), (QUIET, NOISY, NotApplicable)],
    ids=["no slower", "slower", "too noisy"],
)
def test_the_verdict_on_a_pair_is_noted(
    few_rows: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    found: tuple[float, ...],
    null: tuple[float, ...],
    raised: type[Exception] | None,
) -> None:
    def compare_pair(measuring: Any, pipeline: Any, pair: Any, *, seed: int, options: Any) -> Comparison:
        del measuring, pipeline, options
        assert seed == 5
        return Comparison(pair.names, (1.0, 1.0), Interval(*found), Interval(*null), 0.05, rounds=10, steps=1)

    monkeypatch.setattr(bench, "compare_pair", compare_pair)
    notes = Notes()
    if raised is None:
        compared(few_rows, notes)
    else:
        with pytest.raises(raised):
            compared(few_rows, notes)
    (record,) = notes.values["compared"]
    assert record["task"] == "sst2"
    assert record["names"] == ["engine manual", "engine trainer"]


def test_a_pair_that_cannot_be_measured_says_why(few_rows: Pipeline) -> None:
    notes = Notes()
    with pytest.raises(NotApplicable, match="not measured: side by side"):
        compared(few_rows, notes, "side by side")
    assert notes.values["compared"] == [{"task": "sst2", "described": f"{SPEC}: not measured: side by side"}]
