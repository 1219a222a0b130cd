"""The command that runs a failed check again: with what decides what is judged, and nothing that would be refused."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_ftcheck.judging.effects import check_effects
from pytest_ftcheck.judging.next_steps import with_next_steps
from pytest_ftcheck.option_table import FLAGS
from pytest_ftcheck.report.records import CauseRecord, CheckRecord, FoundRecord
from pytest_ftcheck.settings import Settings


def command(check: str, settings: Settings, given: tuple[str, ...], **case: Any) -> str | None:
    """Return the command for a failed check of mrpc."""
    of_case = {"cost": "run", "engine": None, "seed": None, "reason": None, "seconds": 0.1, **case}
    test = CheckRecord(nodeid="a", task="mrpc", check=check, outcome="failed", **of_case)
    cause = CauseRecord(task="mrpc", finding=FoundRecord(check, "x", "y", "z", nodeid="a"), consequences=[])
    session: Any = SimpleNamespace(settings=settings, pipelines={})
    return with_next_steps(cause, test, session, given).command


MANY = Settings(
    tasks=("mrpc", "rte"), engines=("trainer", "manual"), seeds=(0, 1), model="my model", fast_cpu=True, strict=True
)
GIVEN = ("tasks", "engines", "seeds", "model", "fast_cpu", "json", "strict", "update_baseline")


@pytest.mark.parametrize(
    ("check", "case", "options"),
    [
        ("data.labels_in_range", {}, "'--ftcheck-model=my model' --ftcheck-strict"),
        (
            "training.resume",
            {"engine": "manual", "seed": 1},
            "'--ftcheck-model=my model' --ftcheck-fast-cpu --ftcheck-engine=manual --ftcheck-seeds=1 --ftcheck-strict",
        ),
        (
            "metrics.floor",
            {"engine": "trainer", "seed": 0},
            "'--ftcheck-model=my model' --ftcheck-fast-cpu --ftcheck-engine=trainer --ftcheck-seeds=0 --ftcheck-strict",
        ),
    ],
)
def test_the_command_has_what_decides_what_is_judged(check: str, case: dict[str, Any], options: str) -> None:
    made = command(check, MANY, GIVEN, **case)
    assert made == f"pytest --ftcheck-task=mrpc {options} --ftcheck-checks={check}"
    flags = {flag: name for name, flag in FLAGS.items()}
    given = [flags[word.partition("=")[0]] for word in shlex.split(made)[1:]]
    again = Settings(tasks=("mrpc",), checks=(check,), model="my model", fast_cpu=True, strict=True)
    check_effects(again, given, suite_alone=True)  # refuses what has no effect


def test_what_was_not_given_is_left_out() -> None:
    assert command("data.labels_in_range", MANY, ("tasks",)) == (
        "pytest --ftcheck-task=mrpc --ftcheck-checks=data.labels_in_range"
    )


def test_a_trainer_names_its_task() -> None:
    settings = Settings(tasks=("mrpc",), trainer="train.py:build")
    assert command("collator.mask", settings, ("trainer",)) == (
        "pytest --ftcheck-trainer=train.py:build --ftcheck-checks=collator.mask"
    )


def test_where_no_suite_ran_there_is_no_command() -> None:
    assert command("fault zero_grad_missing", Settings(tasks=("mrpc",), faults=("all",)), ("tasks",)) is None
    assert command("our own", Settings(tasks=("mrpc",)), ("tasks",)) is None
