"""The suite of ``--ftcheck-faults``: a test per fault and engine, green where a check listed for it turns red."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.plugin.faults import parametrize_faults, prove_fault

if TYPE_CHECKING:
    import pytest

    from pytest_ftcheck.faults.fault import Fault
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run once per fault and engine."""
    parametrize_faults(metafunc)


def test_fault(
    request: pytest.FixtureRequest,
    ft_session: FtcheckSession,
    ft_variant: Variant,
    ft_pipeline: Pipeline,
    ft_fault: Fault,
) -> None:
    """A check that is listed for the fault turns red where it is planted."""
    prove_fault(request, ft_session, ft_pipeline, ft_variant, ft_fault)
