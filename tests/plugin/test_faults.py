"""``--ftcheck-faults``: a test per fault and engine, the matrix at the end, and the JSON document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

FAULTS = "--ftcheck-faults=mask_not_collated,scores_rounded,truncated_to_8"
"""Caught by a check that there is; not to be planted in a classification; caught by none of the few checks."""


def test_faults_are_planted_instead_of_the_suite(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    result = run_pytest("--ftcheck-task=qnli", FAULTS, "--ftcheck-engine=both", "--ftcheck-json=out.json", "-v")
    result.assert_outcomes(passed=2, failed=2, skipped=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = result.stdout.str()
    for line in (
        "ftcheck/qnli::test_fault[truncated_to_8-trainer] FAILED",
        "ftcheck/qnli::test_fault[mask_not_collated-manual] PASSED",
        "ftcheck/qnli::test_fault[scores_rounded-trainer] SKIPPED",
        "expected  data.truncation or data.distinct_inputs fails: Every row is cut to 8 tokens.",
        "observed  the fault survived: truncated_to_8 in qnli trainer: data.truncation did not run",
        "faults: 2 of 4 caught (50.0%), 2 not applicable",
        "SURVIVED: truncated_to_8 in qnli manual: data.truncation did not run",
        "not applicable: scores_rounded: it applies only to tasks with values; this task has classes",
    ):
        assert line in text
    assert "test_data" not in text
    document = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
    outcomes = {(record["fault"], record["engine"]): record["outcome"] for record in document["faults"]}
    assert outcomes == {
        ("truncated_to_8", "trainer"): "survived",
        ("truncated_to_8", "manual"): "survived",
        ("mask_not_collated", "trainer"): "caught",
        ("mask_not_collated", "manual"): "caught",
        ("scores_rounded", "trainer"): "n.a.",
        ("scores_rounded", "manual"): "n.a.",
    }
    assert document["faults"][0]["verdicts"]["data.text"] == {"state": "skipped", "reason": "no raw text is known"}


def test_without_names_every_fault_is_a_test(run_pytest: Callable[..., pytest.RunResult]) -> None:
    from pytest_ftcheck.faults.fault import faults

    result = run_pytest("--ftcheck-task=qnli", "--ftcheck-faults", "--collect-only", "-q")
    names = {line.partition("[")[2] for line in result.outlines if "::" in line}
    assert names == {f"{name}-trainer]" for name in faults()}


def test_a_node_id_chooses_one(run_pytest: Callable[..., pytest.RunResult]) -> None:
    nodeid = "ftcheck/qnli::test_fault[mask_not_collated-trainer]"
    run_pytest(nodeid, "--ftcheck-faults").assert_outcomes(passed=1)


def test_an_unknown_fault_is_a_usage_error(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-task=qnli", "--ftcheck-faults=mask_inverte")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown fault 'mask_inverte'. Did you mean 'mask_inverted'?*"])
