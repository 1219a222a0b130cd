"""The Markdown summary: verdict first, changes against the baseline, harmless text, and never too long for GitHub."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from pytest_ftcheck.report.baseline import BaselineRecord
from pytest_ftcheck.report.markdown import MOST_CHARACTERS, escaped, markdown
from pytest_ftcheck.report.records import FoundRecord
from tests.report.made_up import CALIBRATION, FAULTS, MASK, NO_CHECKS, document, flip, gate, red_document

HOSTILE = (
    "a|b `c` ``d`` <script>alert(1)</script> @octocat [x](javascript:y) \x1b[31m\u202e #12 **bold** &lt; $x$\n# title"
)


def test_the_verdict_and_its_cause_come_first() -> None:
    lines = markdown(red_document()).splitlines()
    assert lines[0] == "## ❌ ftcheck: mrpc failed"
    assert lines[2] == "**Likely cause: `collator.mask`** of mrpc (3 checks agree)"
    assert lines[4].startswith("- batch of lengths (3, 5): expected attention\\_mask 1 at every token and 0 at every")
    assert lines[5] == "  - evidence: row 0: \\[CLS\\] he left \\[SEP\\]"
    assert markdown(document()).startswith("## ✅ ftcheck: mrpc passed\n")


def test_a_task_without_a_test_is_named() -> None:
    assert "**rte: no test ran for this task.**" in markdown(document(exit_status=1, idle_tasks=["rte"]))


def test_a_metric_has_a_line_with_its_change() -> None:
    shown = markdown(red_document())
    assert (
        "| accuracy | trainer | 0 | 0.8975 | 0.8125 | -0.0850 | 0.7714 to 0.8477 | at least 0.8906 | **fail** |"
        in shown
    )
    assert "| f1 | trainer | 0 | - | 0.8975 | - | 0.8639 to 0.9235 | - | ungated |" in shown
    lost = gate(value=math.nan, missing=True, interval=None, status="fail", informs=True)
    assert "| - | missing | - | - | at least 0.8906 | (fail) |" in markdown(document(gates=[lost]))


def test_a_metric_without_a_limit_on_its_drop_is_compared_too() -> None:
    red = red_document()
    shown = markdown(replace(red, gates=[replace(red.gates[0], drop=None)]))
    assert "| accuracy | trainer | 0 | 0.8975 | 0.8125 | -0.0850 |" in shown


def test_rows_that_were_right_are_shown_and_no_others() -> None:
    shown = markdown(red_document())
    assert "### Newly broken rows of mrpc, trainer, seed 0: 2\n" in shown
    assert "| 12 | equivalent | not\\_equivalent | The board met on Monday. \\| On Monday the board met. |" in shown
    assert "He left." not in shown  # it was wrong before


def test_of_many_broken_rows_ten_are_shown() -> None:
    red = red_document()
    assert isinstance(red.baseline, BaselineRecord)
    (compared,) = red.baseline.comparisons
    compared = replace(compared, flips=[flip(row, "text") for row in range(25)])
    shown = markdown(replace(red, baseline=replace(red.baseline, comparisons=[compared])))
    assert shown.count("| equivalent | not\\_equivalent | text |") == 10
    assert "15 more are in the JSON document." in shown


def test_planted_faults_and_proposed_limits_are_told() -> None:
    lines = markdown(document(faults=FAULTS, exit_status=1, **NO_CHECKS)).splitlines()
    assert lines[:6] == [
        "## ❌ ftcheck: mrpc failed",
        "",
        "### Planted faults",
        "",
        "- faults: 1 of 2 caught (50.0%), 1 not applicable",
        "- SURVIVED: wrong\\_pad\\_id in mrpc trainer: collator.mask green",
    ]
    calibrated = markdown(document(calibration=[CALIBRATION], **NO_CHECKS))
    assert "### Limits of mrpc with tiny-bert\n\n- accuracy: min 0.89: mean 0.9 of 20 seeds\n" in calibrated


def test_the_rest_is_folded() -> None:
    shown = markdown(red_document())
    assert shown.count("<details>") == shown.count("</details>") == 4
    assert "- model.padding\\_invariance: mrpc with tiny-bert on bundled: expected equal logits" in shown
    assert "run it again: `pytest --ftcheck-task=mrpc --ftcheck-checks=collator.mask`" in shown
    assert "your code: `train.py:12`, `Inverted`" in shown


def test_hostile_text_is_harmless() -> None:
    hostile = FoundRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, nodeid=MASK.nodeid)
    red = red_document()
    cause = replace(red.causes[0], finding=replace(hostile, check="collator.mask"), command=HOSTILE)
    assert isinstance(red.baseline, BaselineRecord)
    (compared,) = red.baseline.comparisons
    rows = [flip(1, HOSTILE, label=HOSTILE, before=HOSTILE, after="other", id=HOSTILE)]
    baseline = replace(red.baseline, comparisons=[replace(compared, flips=rows, why=HOSTILE)])
    shown = markdown(
        replace(
            red, tasks=[HOSTILE], causes=[cause], findings=[], baseline=baseline, warnings=[hostile], notes=[HOSTILE]
        )
    )
    outside = re.sub(r"(`+).+?\1", "", shown.replace("\\`", ""))
    assert "<script" not in outside
    assert "@octocat" not in outside
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not re.search(r"(?<!\\)\]\(", outside)
    assert "\n# title" not in shown
    table = [line for line in shown.splitlines() if line.startswith("| ") and "other" in line]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table] == [5]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# title", "\u200b# title"),
        ("- item", "\u200b- item"),
        ("1. item", "\u200b1. item"),
        ("a\nb\tc", "a b c"),
        ("a_b*c", "a\\_b\\*c"),
        ("<b> & |", "&lt;b&gt; &amp; \\|"),
        ("see #12, @me", "see #\u200b12, @\u200bme"),
        ("http://a.b www.c.d", "http:\u200b//a.b w\u200bww.c.d"),
        ("x" * 2000, "x" * 999 + "…"),
    ],
)
def test_text_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_long_summary_is_cut_and_says_so() -> None:
    long = [FoundRecord("data.rows", f"row {row}", "x" * 900, "y" * 900) for row in range(200)]
    shown = markdown(red_document(warnings=long))
    assert len(shown) <= MOST_CHARACTERS
    assert "**This summary was cut after " in shown
    assert shown.count("<details>") == shown.count("</details>")
    assert len(markdown(red_document(notes=["n" * 900] * 500))) <= MOST_CHARACTERS
    assert "was cut" not in markdown(red_document())
