"""The suite of ``--ftcheck-faults``: a test per fault and engine, which passes if a check listed for it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.judging.faults import Provers
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import session_of
from pytest_ftcheck.plugin.task_module import case_of_variant

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


def case_of(task: str, callspec: Any) -> dict[str, object]:
    """Return the case of a test: a fault and an engine."""
    return case_of_variant(task, f"fault {callspec.params['ft_fault'].name}", "fault", callspec.params["ft_variant"])


@pytest.fixture(scope="session")
def provers(pytestconfig: pytest.Config) -> Provers:
    """Return the object that proves the faults of this session."""
    return Provers(session_of(pytestconfig))


def test_fault(
    request: pytest.FixtureRequest, provers: Provers, ft_variant: Variant, ft_pipeline: Pipeline, ft_fault: Fault
) -> None:
    """A check that is listed for the fault fails when the fault is planted."""
    if why := provers.prove(ft_pipeline, ft_variant, ft_fault, notes_of(request.node)):
        pytest.skip(f"the fault cannot be planted: {why}")
