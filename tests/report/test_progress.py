"""The line of progress."""

from __future__ import annotations

import pytest

from pytest_ftcheck.report.progress import check_line, progress_line, seconds_left
from pytest_ftcheck.training.recorder import Progress


def line(epochs: float = 4, seconds_left: float = 65.4) -> str:
    return progress_line(
        Progress(
            title="mrpc · trainer · seed 0",
            step=30,
            steps=252,
            epoch=0.476,
            epochs=epochs,
            loss=0.51239,
            samples_per_second=412.6,
            seconds_left=seconds_left,
        )
    )


def test_line_says_how_far_the_run_has_come() -> None:
    expected = "mrpc · trainer · seed 0 · epoch 0.5/4 · step 30/252 · loss 0.5124 · 413 samples/s · 1:05 left"
    assert line() == expected


@pytest.mark.parametrize(("epochs", "shown"), [(1.5, "/1.5 "), (0.19047, "/0.19 "), (12.0, "/12 ")])
def test_fractions_of_epochs_are_shown(epochs: float, shown: str) -> None:
    assert shown in line(epochs=epochs)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00 left"), (59.6, "1:00 left"), (3600, "60:00 left")])
def test_time_left_is_in_minutes(seconds: float, shown: str) -> None:
    assert line(seconds_left=seconds).endswith(shown)


def test_a_check_is_named_with_its_place_and_the_time_left() -> None:
    line = check_line("mrpc", "training.resume", "A resumed run goes on.", place=3, count=120, left=61.7)
    assert line == "mrpc · check 3 of 120 · about 1:02 left · training.resume: A resumed run goes on."
    assert (
        check_line("mrpc", "data.rows", "Rows.", place=1, count=2, left=None)
        == "mrpc · check 1 of 2 · data.rows: Rows."
    )


def test_time_left_is_estimated_by_tests_of_the_same_cost() -> None:
    finished = [("free", 0.1), ("free", 0.3), ("free", 9.0), ("run", 4.0)]
    assert seconds_left(finished, ["free", "run", "run"]) == pytest.approx(8.3)
    assert seconds_left(finished, ["extra-training"]) is None
    assert seconds_left([], []) == 0
