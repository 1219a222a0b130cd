"""The suite of ``--ftcheck-bench``: a test per measured step, and per pair of steps that are compared."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.judging.bench import compare_steps
from pytest_ftcheck.plugin.bench import measure_case, measuring_of
from pytest_ftcheck.plugin.options import given_options
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.running_test import skipping
from pytest_ftcheck.plugin.session import session_of
from pytest_ftcheck.plugin.task_module import case_of_variant
from pytest_ftcheck.speed.device import synchronized_clock
from pytest_ftcheck.speed.requests import cases_of

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.variants import Variant


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run once per case of the sweep, or per pair, with the first seed; the manual engine makes the step."""
    settings = session_of(metafunc.config).settings
    variant, cases = ("manual", settings.seeds[0]), cases_of(settings)
    # Plain values: pytest-benchmark writes parameters into its JSON.
    values: list[Any] = [asdict(case) for case in cases]
    name, ids = "ft_step_case", [case.label for case in cases]
    if "ft_step_pair" in metafunc.fixturenames:
        name, values = "ft_step_pair", list(settings.bench_compare)
        ids = values
    metafunc.parametrize((name, "ft_variant"), [(value, variant) for value in values], ids=ids, indirect=["ft_variant"])


def case_of(task: str, callspec: Any) -> dict[str, object]:
    """Return the case of a test: a step, or a pair of steps."""
    check = "speed.step" if "ft_step_case" in callspec.params else "speed.compare"
    return case_of_variant(task, f"{check} {callspec.id}", "bench", callspec.params["ft_variant"])


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
    with skipping():
        measure_case(request, benchmark, ft_pipeline, ft_variant, ft_step_case)


def test_compare(request: pytest.FixtureRequest, ft_pipeline: Pipeline, ft_variant: Variant, ft_step_pair: str) -> None:
    """The second of two steps is no slower than the first."""
    measuring, options = measuring_of(request.config), given_options(request.config)
    with skipping():
        compare_steps(measuring, ft_pipeline, ft_variant, ft_step_pair, notes_of(request.node), options=options)
