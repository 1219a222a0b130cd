"""Sessions of a task with several labels a row: green, compared with a baseline, and red where a defect is planted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.faults.fault import faults
from pytest_ftcheck.heads.traits import LABEL_SETS

if TYPE_CHECKING:
    from pathlib import Path

TASK = ("--ftcheck-task=go_emotions", "-p", "no:cacheprovider")
OWN = sorted(name for name, fault in faults().items() if LABEL_SETS in fault.needs)
JUDGED = {
    *("data.labels_in_train", "data.labels_per_row", "data.rows_without_label", "model.labels_compete"),
    *("metrics.label_threshold", "metrics.label_columns", "metrics.labels_answered", "metrics.beats_label_sets"),
    *("metrics.loss_agrees", "metrics.recomputed", "serving.pipeline", "serving.problem_type", "serving.reload"),
    "training.overfits_batch",
}


@pytest.mark.slow
def test_both_engines_are_green_and_every_check_of_label_sets_is_asked(pytester: pytest.Pytester) -> None:
    told: Path = pytester.path / "told.json"
    result = pytester.runpytest_subprocess(*TASK, "--ftcheck-engine=both", f"--ftcheck-json={told}")
    assert result.ret == 0, result.stdout.str()[-4000:]
    checks = json.loads(told.read_text(encoding="utf-8"))["checks"]
    assert {check["outcome"] for check in checks} == {"passed", "skipped"}
    assert {check["check"] for check in checks if check["outcome"] == "passed"} >= JUDGED


@pytest.mark.slow
def test_every_fault_of_label_sets_is_caught(pytester: pytest.Pytester) -> None:
    """With one engine, which takes two minutes; benchmarks/faults has both."""
    assert len(OWN) >= 10
    result = pytester.runpytest_subprocess(*TASK, f"--ftcheck-faults={','.join(OWN)}")
    result.stdout.fnmatch_lines([f"faults: {len(OWN)} of {len(OWN)} caught*"])
    assert result.ret == 0


@pytest.mark.slow
def test_a_worse_recipe_is_compared_row_by_row(pytester: pytest.Pytester) -> None:
    quick = (*TASK, "--ftcheck-checks=metrics", "--ftcheck-engine=manual")
    assert pytester.runpytest_subprocess(*quick, "--ftcheck-update-baseline").ret == 0
    pytester.makefile(".toml", ftcheck="[tasks.go_emotions.recipe]\nnum_train_epochs = 2\n")
    result = pytester.runpytest_subprocess(*quick)
    result.stdout.fnmatch_lines(["  observed  0.*, 0.* short (95% interval 0.* to 0.*)"])
    assert result.ret == 1
