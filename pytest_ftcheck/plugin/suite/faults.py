"""The suite of ``--ftcheck-faults``: a test per fault and engine, which passes if a check listed for it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.plugin.faults import provers_of
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import session_of

if TYPE_CHECKING:
    from pytest_ftcheck.faults.fault import Fault
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.variants import Variant


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run once per chosen fault and engine, with the first seed."""
    settings = session_of(metafunc.config).settings
    cases = [(fault, engine) for fault in select_faults(settings.faults) for engine in settings.engines]
    metafunc.parametrize(
        ("ft_fault", "ft_variant"),
        [(fault, (engine, settings.seeds[0])) for fault, engine in cases],
        ids=[f"{fault.name}-{engine}" for fault, engine in cases],
        indirect=["ft_variant"],
    )


def test_fault(request: pytest.FixtureRequest, ft_variant: Variant, ft_pipeline: Pipeline, ft_fault: Fault) -> None:
    """A check that is listed for the fault fails when the fault is planted."""
    why = provers_of(request.config).prove(ft_pipeline, ft_variant, ft_fault, notes_of(request.node))
    if why:
        pytest.skip(f"the fault cannot be planted: {why}")
