"""Both engines do the same; injected with ``--ftcheck-engine=both``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.training import engine_parity, parity_pipeline
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.plugin.runs import obtain_run
from pytest_ftcheck.plugin.session import session_of

if TYPE_CHECKING:
    import pytest

    from pytest_ftcheck.pipeline.parts import Pipeline


def test_engine_parity(ft_pipeline: Pipeline, pytestconfig: pytest.Config) -> None:
    """Same seed, same order, no dropout: losses and logits of both engines agree."""
    session = session_of(pytestconfig)
    short = parity_pipeline(ft_pipeline)
    seed = session.settings.seeds[0]
    first, second = (
        obtain_run(pytestconfig, session, short, engine=engine, seed=seed) for engine in ("trainer", "manual")
    )
    if findings := engine_parity(first, second, short.subject):
        raise CheckFailure(findings)
