"""The suite: a function per family, a test per check; one that fails says what was found, without a traceback."""

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
    """The data that is trained and evaluated on."""
    judged(ft_case.check)


def test_collator(ft_case: Case, judged: Judge) -> None:
    """Every batch that the data collator makes."""
    judged(ft_case.check)


def test_model(ft_case: Case, judged: Judge) -> None:
    """What goes into the model, and what comes out."""
    judged(ft_case.check)


def test_metrics(ft_case: Case, judged: Judge) -> None:
    """The numbers that are reported."""
    judged(ft_case.check)


def test_metric_floor(ft_case: Case, judged: Judge, request: pytest.FixtureRequest, ft_session: FtcheckSession) -> None:
    """The metric keeps to its limits."""
    judged(floor_check(request.node, ft_session, ft_case.metric))


def test_training(ft_case: Case, judged: Judge) -> None:
    """How it was trained."""
    judged(ft_case.check)


def test_serving(ft_case: Case, judged: Judge) -> None:
    """The saved model, as others load it."""
    judged(ft_case.check)


def test_equivalence(ft_case: Case, judged: Judge) -> None:
    """Two ways to train that must give the same."""
    judged(ft_case.check)
