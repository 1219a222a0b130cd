"""The suite of ``--ftcheck-bench``: a test per measured step, and per pair of steps that are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.plugin.bench import compare_steps, measure_case, parametrize_bench
from pytest_ftcheck.speed.device import synchronized_clock

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.variants import Variant


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run once per case of the sweep, and once per pair."""
    parametrize_bench(metafunc)


# The timer waits for the device; pytest-benchmark reads it only at the start and at the end of a round.
@pytest.mark.benchmark(timer=synchronized_clock)
def test_step(
    request: pytest.FixtureRequest,
    benchmark: Any,
    ft_pipeline: Pipeline,
    ft_variant: Variant,
    ft_step_case: dict[str, Any],
) -> None:
    """How long a training step takes, and how that time is spent."""
    measure_case(request, benchmark, ft_pipeline, ft_variant, ft_step_case)


def test_compare(request: pytest.FixtureRequest, ft_pipeline: Pipeline, ft_variant: Variant, ft_step_pair: str) -> None:
    """The second of two steps is no slower than the first."""
    compare_steps(request, ft_pipeline, ft_variant, ft_step_pair)
