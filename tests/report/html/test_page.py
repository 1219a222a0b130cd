"""The report page: what stands where, what hostile texts do to it, and how large it gets."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.gates.records import SeedGateRecord
from pytest_ftcheck.report.html.page import page
from pytest_ftcheck.report.html.unfinished import PAGE
from tests.report.html.parsed import Parsed, assert_accessible
from tests.report.made_up import CALIBRATION, FAULTS, NO_CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.report.document import Document

    Make = Callable[..., Document]


@pytest.mark.usefixtures("without_plots")
def test_the_verdict_comes_first_and_then_the_cause_with_its_consequences(make_document: Make) -> None:
    text = Parsed(page(make_document())).text
    places = [
        text.index(words)
        for words in (
            "Failed. 2 of 3 checks failed, accuracy is beyond its limit.",
            "Most likely cause collator.mask",
            "evidence first plain second plain",
            "1 check failed, probably because of it: metrics.floor",
            "0.6600 to 0.7500",
            "Rows with the highest loss",
            "pytest --ftcheck-task=mrpc plain",
        )
    ]
    assert places == sorted(places)


@pytest.mark.usefixtures("without_plots")
def test_a_green_session_is_green_and_a_task_without_a_test_is_not(make_document: Make) -> None:
    green: dict[str, Any] = {"exit_status": 0, "findings": [], "causes": [], "gates": [], "checks": []}
    assert "Passed." in Parsed(page(make_document(**green))).text
    assert "Failed. No test ran for this task." in Parsed(page(make_document(**green | {"idle_tasks": ["mrpc"]}))).text
    failed = Parsed(page(make_document(**green | {"exit_status": 1}))).text
    assert "Failed. pytest ended with exit status 1, although no gate and no check failed." in failed


@pytest.mark.usefixtures("without_plots")
def test_planted_faults_stand_on_the_page_those_that_survived_first(make_document: Make) -> None:
    text = Parsed(page(make_document(faults=FAULTS, exit_status=1, **NO_CHECKS))).text
    places = [
        text.index(words)
        for words in (
            "Failed. Planted faults: 1 of 2 caught (50.0%), 1 not applicable.",
            "1 that no listed check caught",
            "wrong_pad_id mrpc, trainer none of collator.mask survived",
            "1 that were caught",
            "mask_inverted mrpc, trainer collator.mask also: model.padding_invariance caught",
            "resumed_elsewhere mrpc, trainer the recipe saves no checkpoint n.a.",
        )
    ]
    assert places == sorted(places)


@pytest.mark.usefixtures("without_plots")
def test_proposed_limits_stand_on_the_page(make_document: Make) -> None:
    text = Parsed(page(make_document(calibration=[CALIBRATION], exit_status=0, **NO_CHECKS))).text
    assert "Passed. Limits of 1 metric were proposed." in text
    assert "mrpc with tiny-bert, tier tiny accuracy: min 0.89: mean 0.9 of 20 seeds f1: no limit" in text


@pytest.mark.usefixtures("without_plots")
def test_a_gate_that_fails_over_all_seeds_has_its_finding(make_document: Make) -> None:
    document = make_document(exit_status=1, findings=[], causes=[], checks=[])
    one = document.gates[0]
    shared = {name: getattr(one, name) for name in ("task", "engine", "metric", "slice", "rows", "floor", "limits")}
    over_seeds = SeedGateRecord(
        **shared,
        value=0.7,
        interval=[0.6, 0.8],
        bounds=None,
        margin=-0.1,
        smallest_drop=None,
        values={"0": 0.71, "1": 0.69},
        worst_seed=1,
        failed=[],
        drop=None,
        status="fail",
        findings=[Finding("metrics.floor", "accuracy over 2 seeds", "at least 0.8", "a mean of 0.7")],
        seconds=1.0,
        reused=False,
    )
    text = Parsed(page(replace(document, gates=[replace(one, informs=True)], seed_gates=[over_seeds]))).text
    assert "Failed. 0 checks passed, accuracy is beyond its limit." in text
    assert "Failed over all seeds metrics.floor accuracy over 2 seeds expected at least 0.8" in text
    assert "mean of 2 seeds" in text
    assert "seeds are judged together" in text


@pytest.mark.usefixtures("without_plots")
def test_a_screen_reader_finds_its_way(make_document: Make) -> None:
    assert_accessible(Parsed(page(make_document())))


@pytest.mark.usefixtures("without_plots")
def test_hostile_texts_stay_texts(make_document: Make, hostile: str) -> None:
    written = page(make_document(text=hostile))
    parsed = Parsed(written)
    tags = [tag for tag, _ in parsed.elements]
    assert tags.count("script") == tags.count("style") == 1
    assert "img" not in tags
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert parsed.text.count("<script>window.hacked=1</script>") > 10
    assert "{{ 7*7 }}{% raw %}" in parsed.text
    assert r"\u202eevil\u202c\x1b[31m\x00&lt;" in parsed.text
    assert not set(written) & {"\u202e", "\u202c", "\x1b", "\x00"}


@pytest.mark.usefixtures("without_plots")
def test_only_the_script_of_the_page_may_run(make_document: Make) -> None:
    written = page(make_document())
    (script,) = re.findall(r"<script>(.*?)</script>", written, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [meta["content"] for meta in Parsed(written).all("meta") if "http-equiv" in meta]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'" in policy


@pytest.mark.usefixtures("without_plots")
def test_nothing_is_loaded_from_elsewhere(make_document: Make) -> None:
    written = page(make_document())
    assert not re.search(r"https?:|@import|src=", written)
    assert {link["href"] for link in Parsed(written).all("link")} == {"data:,"}
    assert all((link["href"] or "").startswith("#") for link in Parsed(written).all("a"))


@pytest.mark.usefixtures("without_plots")
@pytest.mark.parametrize("letter", ["a", "<", "ü", "\u202e"])
def test_a_page_of_5463_rows_has_at_most_a_megabyte(make_document: Make, letter: str) -> None:
    written = page(make_document(flips=5463, worst=250, row_text=letter * 3000))
    assert len(written.encode()) < 1_000_000
    assert re.search(r"\d+ of 5463 rows", written)


@pytest.mark.usefixtures("without_plots")
def test_short_rows_are_all_there(make_document: Make) -> None:
    assert Parsed(page(make_document(flips=300, worst=20))).text.count("Changed predictions") == 2
    assert "300 rows" in page(make_document(flips=300, worst=20))


@pytest.mark.usefixtures("without_plots")
def test_without_matplotlib_the_page_says_how_to_get_the_plots(make_document: Make) -> None:
    written = page(make_document())
    assert "pip install 'pytest-ftcheck[report]'" in Parsed(written).text
    assert 'class="plot"' not in written
    assert 'class="strip"' in written
    assert "Confusion matrix" in written


def test_with_matplotlib_each_number_has_its_plot_and_the_same_document_gives_the_same_page(
    make_document: Make,
) -> None:
    pytest.importorskip("matplotlib")
    written = page(make_document())
    assert written == page(make_document())
    assert_accessible(Parsed(written))
    assert "pytest-ftcheck[report]" not in written
    titles = re.findall(r"<figcaption>(.*?)</figcaption>", written)
    assert titles == [
        "Loss",
        "Learning rate",
        "Metrics after each epoch",
        "Labels and predictions",
        "F1 of the answers",
        "Reliability",
        "Tokens of the rows",
    ]
    assert "training, trainer, seed 0: 0.7 at 1, 0.5 at 3" in written
    assert "#0a0b0" not in written  # each colour is a variable of the page


@pytest.mark.usefixtures("without_plots")
def test_a_session_of_two_tasks_has_a_list_of_them(make_document: Make) -> None:
    parsed = Parsed(page(make_document(tasks=["mrpc", "sst2"], idle_tasks=["sst2"])))
    assert "2 of 2 tasks failed." in parsed.text
    assert {link["href"] for link in parsed.all("a")} == {"#main", "#t0", "#t1"}


def test_a_page_says_that_its_session_has_not_ended() -> None:
    assert "has not finished" in Parsed(PAGE).text
