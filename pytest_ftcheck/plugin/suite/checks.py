"""The suite: a function per family, a test per check; a failed test shows its findings, without a traceback."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.judging.suite import floor_check, judge_check, line_of_check
from pytest_ftcheck.plugin.progress import checking
from pytest_ftcheck.plugin.report import reports_of
from pytest_ftcheck.plugin.running_test import overridden, running_test, skipping

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.judging.checks import Case
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.variants import Variant

    Judge = Callable[[Check], None]


def case_of(task: str, callspec: Any) -> dict[str, object]:
    """Return the case of a test: a check or a gate, with its engine and seed."""
    case: Case = callspec.params["ft_case"]
    return case.note(task)


@pytest.fixture
def judged(request: pytest.FixtureRequest, ft_pipeline: Pipeline, ft_variant: Variant) -> Judge:
    """Run a check on the parts of this test."""
    test = running_test(request.node)
    own = {"ft_run", "ft_train"} & overridden(request)
    given_run = partial(request.getfixturevalue, "ft_run") if own else None

    def shown(check: Check) -> AbstractContextManager[None]:
        def text() -> str:
            return line_of_check(test, check, reports_of(request.config).cases)

        return checking(request.config, text, slow=check.cost != "free")

    def judged(check: Check) -> None:
        with skipping():
            judge_check(test, ft_pipeline, ft_variant, check, given_run=given_run, shown=shown)

    return judged


def test_data(ft_case: Case, judged: Judge) -> None:
    """The data of training and evaluation."""
    judged(ft_case.check)


def test_collator(ft_case: Case, judged: Judge) -> None:
    """Every batch that the data collator makes."""
    judged(ft_case.check)


def test_model(ft_case: Case, judged: Judge) -> None:
    """The model's inputs and outputs."""
    judged(ft_case.check)


def test_metrics(ft_case: Case, judged: Judge) -> None:
    """The reported metrics."""
    judged(ft_case.check)


def test_metric_floor(ft_case: Case, judged: Judge, request: pytest.FixtureRequest) -> None:
    """The metric is within its limits."""
    judged(floor_check(running_test(request.node), ft_case.metric))


def test_training(ft_case: Case, judged: Judge) -> None:
    """The training."""
    judged(ft_case.check)


def test_serving(ft_case: Case, judged: Judge) -> None:
    """The saved model, when it is loaded again."""
    judged(ft_case.check)


def test_equivalence(ft_case: Case, judged: Judge) -> None:
    """Two ways to train that must give the same results."""
    judged(ft_case.check)
