"""``--ftcheck-dry-run`` lists, and trains nothing; ``--ftcheck-budget`` leaves out what does not fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.pytester import Pytester

CARD = """
[tool.ftcheck.tasks.mrpc.checks]
"data.duplicates" = { skip = "the source repeats rows" }
"""


def test_a_dry_run_lists_checks_and_trains_nothing(pytester: Pytester) -> None:
    pytester.makepyprojecttoml(CARD)
    done = pytester.runpytest(
        "--ftcheck-task=mrpc", "--ftcheck-dry-run", "--ftcheck-checks=data,metrics,training.steps"
    )
    assert done.ret == 0
    done.stdout.fnmatch_lines(
        [
            "ftcheck: mrpc*tiny-bert*",
            "mrpc: 1 run would be trained (engine trainer, seed 0), * checks",
            "*read the parts (free): data.*",
            "*gates: accuracy, f1",
            "*skipped by the card: data.duplicates: the source repeats rows",
        ]
    )
    done.stdout.no_fnmatch_line("*test session starts*")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ftcheck-dry-run"], "*--ftcheck-dry-run needs a task: give --ftcheck-task=NAME*"),
        (
            ["--ftcheck-dry-run", "--ftcheck-task=mrpc", "--ftcheck-json=out.json"],
            "*--ftcheck-json has no effect with --ftcheck-dry-run, which only prints*",
        ),
        (["--ftcheck-dry-run", "--ftcheck-task=mrcp"], "*unknown task 'mrcp'. Did you mean 'mrpc'?*"),
    ],
)
def test_a_dry_run_refuses_what_a_session_refuses(pytester: Pytester, options: list[str], message: str) -> None:
    done = pytester.runpytest(*options)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([message])


def test_checks_that_do_not_fit_are_left_out_with_their_names(pytester: Pytester) -> None:
    done = pytester.runpytest(
        "--ftcheck-task=mrpc",
        "--ftcheck-budget=0.001s",
        "--ftcheck-checks=data.decodes,collator.mask",
        "--ftcheck-json=a.json",
    )
    done.stdout.fnmatch_lines(["*skipped: data.decodes, collator.mask: left out: the budget of 0.001 s is spent*"])
    # No test ran, so nothing is known: the session fails.
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    document = json.loads((pytester.path / "a.json").read_text(encoding="utf-8"))
    assert [check["reason"][:9] for check in document["checks"]] == ["left out:"] * 2


def test_with_a_budget_cheap_checks_come_first(pytester: Pytester) -> None:
    done = pytester.runpytest(
        "--ftcheck-task=mrpc", "--ftcheck-budget=5m", "--ftcheck-checks=metrics,data.decodes", "--collect-only", "-q"
    )
    listed = [line.rpartition("[")[2] for line in done.outlines if line.startswith("ftcheck/")]
    assert listed[:2] == ["decodes]", "definition]"]
    assert listed[2].startswith("accuracy-")
