"""The suite: a function per family, a test per check; a failed test shows its findings, without a traceback."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.plugin.judge import floor_check, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.judging.checks import Case
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant

    Judge = Callable[[Check], None]


@pytest.fixture
def judged(
    request: pytest.FixtureRequest, ft_session: FtcheckSession, ft_pipeline: Pipeline, ft_variant: Variant
) -> Judge:
    """Run a check on the parts of this test."""
    return partial(judge, request, ft_session, ft_pipeline, ft_variant)


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


def test_metric_floor(ft_case: Case, judged: Judge, request: pytest.FixtureRequest, ft_session: FtcheckSession) -> None:
    """The metric is within its limits."""
    judged(floor_check(request.node, ft_session, ft_case.metric))


def test_training(ft_case: Case, judged: Judge) -> None:
    """The training."""
    judged(ft_case.check)


def test_serving(ft_case: Case, judged: Judge) -> None:
    """The saved model, when it is loaded again."""
    judged(ft_case.check)


def test_equivalence(ft_case: Case, judged: Judge) -> None:
    """Two ways to train that must give the same results."""
    judged(ft_case.check)
