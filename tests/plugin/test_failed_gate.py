"""A model that is worse than it should be: red, in words that say what to do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

LEARNS_NOTHING = """
max_train_rows = 64
max_eval_rows = 32
[tasks.sst2.recipe.tiny]
max_steps = 1
learning_rate = 0.0
[tasks.sst2.floors.tiny.tiny-bert]
accuracy = 0.999
"""


@pytest.fixture
def failed(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> pytest.RunResult:
    project.makefile(".toml", ftcheck=LEARNS_NOTHING)
    return run_pytest("--ftcheck-task=sst2", "-k", "metric_floor", "--ftcheck-json=out.json", "--junitxml=out.xml")


def test_a_failed_floor_says_what_where_and_what_to_do(failed: pytest.RunResult, project: pytest.Pytester) -> None:
    assert failed.ret == pytest.ExitCode.TESTS_FAILED
    failed.stdout.fnmatch_lines(
        [
            "*metrics.floor: accuracy of sst2 with tiny-bert on bundled (32 rows)",
            "*expected  at least 0.9990",
            "*observed  0.????, 0.???? short (95% interval 0.???? to 0.????)",
            "  what to do: *",
        ],
        consecutive=True,
    )
    found = re.search(r"observed  (\S+), (\S+) short", failed.stdout.str())
    assert found is not None
    value, short = found.groups()
    assert float(value) + float(short) == pytest.approx(0.999, abs=1e-4)

    document: dict[str, Any] = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
    assert document["exit_status"] == 1
    (gate,) = document["gates"]
    assert gate["status"] == "fail"
    assert gate["value"] == pytest.approx(float(value), abs=1e-4)
    (finding,) = document["findings"]
    assert finding["check"] == "metrics.floor"
    assert finding["nodeid"] == "ftcheck/sst2::test_metric_floor[accuracy-trainer]"
    assert document["checks"][0]["outcome"] == "failed"


def test_a_failed_floor_has_no_traceback(failed: pytest.RunResult, project: pytest.Pytester) -> None:
    failed.stdout.no_fnmatch_line("*Error*")
    failed.stdout.no_fnmatch_line("*checks.py*")
    failed.stdout.no_fnmatch_line(">*")
    assert "Traceback" not in (project.path / "out.xml").read_text(encoding="utf-8")


def test_the_summary_shows_a_failed_floor(failed: pytest.RunResult) -> None:
    failed.stdout.re_match_lines(
        [r" ?sst2 +trainer +accuracy +0\.\d{4} +0\.\d{4} to 0\.\d{4} +0\.9990 +fail +0\.\d{4} +32 +\d+\.\d"]
    )


@pytest.mark.usefixtures("reviews")
def test_a_metric_without_floor_is_skipped_with_the_place_to_add_it(
    run_pytest: Callable[..., pytest.RunResult],
) -> None:
    result = run_pytest("--ftcheck-task=reviews", "-k", "metric_floor or finite", "-rs")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*reviews*ungated*", "SKIPPED*[[]tool.ftcheck.tasks.reviews.floors.tiny.*"])


def test_a_nan_loss_is_red_and_says_when(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> None:
    project.makefile(".toml", ftcheck=LEARNS_NOTHING.replace("0.0", "1e30").replace("max_steps = 1", "max_steps = 8"))
    result = run_pytest("--ftcheck-task=sst2", "-k", "finite or metric_floor", "--ftcheck-json=out.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*training.finite_loss: sst2 with tiny-bert on bundled, engine trainer, seed 0",
            "*observed  nan at*step * of 8*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*")
    document = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
    assert {finding["check"] for finding in document["findings"]} == {"training.finite_loss"}
    assert not list(project.path.rglob("manifest.json"))
