"""What a session asks to be measured: each case has a row, whatever comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.settings import Settings
from pytest_ftcheck.speed.requests import Measuring, NotMeasured, cases_of

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

SETTINGS = Settings(device="cpu", threads=1, bench_batch_sizes=(2, 4), bench_shape="bert-tiny")


def test_cases_and_shape_are_those_of_the_settings(pipeline: Pipeline) -> None:
    assert len(cases_of(SETTINGS)) == 2
    assert Measuring(SETTINGS).shaped(pipeline).checkpoint.name == "shape:bert-tiny"
    assert Measuring(Settings(device="cpu")).shaped(pipeline) is pipeline


def test_the_machine_is_described_once(pipeline: Pipeline) -> None:
    measuring = Measuring(SETTINGS)
    assert measuring.machine == {}
    with measuring.alone(pipeline):
        assert torch.get_num_threads() == 1
    assert measuring.note_machine(pipeline) is measuring.machine
    assert measuring.machine["device"] == "cpu"


def test_what_is_not_measured_has_a_row_that_says_why(pipeline: Pipeline) -> None:
    rows = list[dict[str, Any]]()

    def row(label: str, why_not: str = "") -> Any:
        return Measuring(SETTINGS, why_not=why_not).row(pipeline, label, rows)

    with row("fine") as fine:
        fine["step_seconds"] = 1.0
    with pytest.raises(NotMeasured, match="not measured: side by side"), row("beside others", "side by side"):
        pass
    with pytest.raises(NotMeasured, match="not measured: out of memory at too large"), row("too large"):
        raise torch.OutOfMemoryError
    with pytest.raises(ZeroDivisionError), row("broken"):
        _ = 1 / 0
    reasons = [(found["case"], found.get("not_measured")) for found in rows]
    assert reasons == [
        ("fine", None),
        ("beside others", "side by side"),
        ("too large", "out of memory"),
        ("broken", "the step failed"),
    ]
