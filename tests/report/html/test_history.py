"""The page of a history: the worst series first, each with its chart and its verdict."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.report.__main__ import main
from pytest_ftcheck.report.history import history
from pytest_ftcheck.report.html.history import history_page
from pytest_ftcheck.report.json import json_text
from tests.report.html.parsed import Parsed, assert_accessible
from tests.report.made_up import document, gate, run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.history import Series

DAY = 86_400.0
VALUES = (0.901, 0.897, 0.904, 0.899, 0.902, 0.898)


def session(day: int, value: float, text: str = "", **changes: object) -> Document:
    gates = [gate(metric=f"f1{text}", value=0.9), gate(value=value, interval=[value - 0.03, value + 0.02])]
    made = {"started": 1_790_000_000 + day * DAY, "runs": [replace(run(), data=f"bundled{text}")], "gates": gates}
    return document(**made | changes)


def series(last: float = 0.8, text: str = "") -> list[Series]:
    values = enumerate((*VALUES, last))
    return history([(f"night{day}{text}.json", session(day, value, text)) for day, value in values])


@pytest.mark.usefixtures("without_plots")
def test_the_worst_verdict_comes_first_with_its_numbers() -> None:
    text = Parsed(history_page(series())).text
    counts = text.index("1 with a regression, 2 without a regression, of 3 metrics and durations.")
    assert text.index("Regression.") < counts
    first, last = text.index("accuracy mrpc trainer 0.8000 0.8980"), text.index("f1 mrpc trainer 0.9000 0.9000")
    assert text.index("bound at 1% sessions verdict") < first < last
    assert "accuracy of mrpc, trainer regression last 0.8000 before 0.8980 bound at 1% 0.88" in text
    assert "tiny-bert, bundled, 400 rows" in text
    assert "night6.json 2026-09-27 14:13 0.8000 0.7700 to 0.8200 night5.json" in text


@pytest.mark.usefixtures("without_plots")
@pytest.mark.parametrize(("sessions", "verdict"), [(2, "Insufficient data."), (7, "No regression.")])
def test_a_page_has_the_worst_verdict_of_its_series(sessions: int, verdict: str) -> None:
    found = history([(str(day), session(day, VALUES[day % 6])) for day in range(sessions)])
    assert verdict in Parsed(history_page(found)).text


@pytest.mark.usefixtures("without_plots")
def test_nothing_to_judge_is_said() -> None:
    text = Parsed(history_page([])).text
    assert "Insufficient data. No metric and no duration has a value in the latest session." in text


@pytest.mark.usefixtures("without_plots")
def test_a_screen_reader_finds_its_way_without_charts() -> None:
    parsed = Parsed(history_page(series()))
    assert len(parsed.all("table")) == 4
    assert all("open" in details for details in parsed.all("details"))


@pytest.mark.usefixtures("without_plots")
def test_hostile_texts_stay_texts(hostile: str) -> None:
    written = history_page(series(text=hostile))
    tags = [tag for tag, _ in Parsed(written).elements]
    assert not {"script", "img"} & set(tags)
    assert tags.count("style") == 1
    assert Parsed(written).text.count("<script>window.hacked=1</script>") > 10
    assert not set(written) & {"\u202e", "\u202c", "\x1b", "\x00"}


def test_each_series_has_a_chart_with_its_intervals_and_the_same_series_give_the_same_page(hostile: str) -> None:
    pytest.importorskip("matplotlib")
    written = history_page(series(text=hostile))
    assert written == history_page(series(text=hostile))
    assert_accessible(Parsed(written))
    assert written.count('<svg class="plot"') == 3
    assert "#0a0b0" not in written  # each colour is a variable of the page
    assert "&lt;img" in written
    assert not {"script", "img"} & {tag for tag, _ in Parsed(written).elements}
    assert not set(written) & {"\u202e", "\u202c", "\x1b", "\x00"}
    assert "accuracy of mrpc, trainer: first 0.9010, last 0.8000, bound 0.88" in written
    assert not re.search(r"https?:|@import|src=\"", written.replace("src=x", ""))


def test_a_value_that_is_no_number_is_in_the_table_and_not_in_the_chart() -> None:
    pytest.importorskip("matplotlib")
    written = history_page([one for one in series(math.nan) if one.key.metric == "accuracy"])
    assert "Values of 6 sessions" in written
    assert "night6.json 2026-09-27 14:13 nan" in Parsed(written).text


@pytest.mark.usefixtures("without_plots")
def test_the_command_writes_the_page_beside_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for day, value in enumerate((*VALUES, 0.8)):
        paths.append(str(tmp_path / f"{day}.json"))
        (tmp_path / f"{day}.json").write_text(json_text(session(day, value)), encoding="utf-8")
    assert main(["history", *paths, f"--html={tmp_path / 'page.html'}"]) == 0
    assert "| regression | mrpc | trainer | accuracy |" in capsys.readouterr().out
    assert "Regression." in Parsed((tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert main(["history", *paths, f"--html={tmp_path / 'no' / 'page.html'}"]) == 2
    assert "page.html: not written, No such file or directory." in capsys.readouterr().err
