"""``--ftcheck-bench`` and the fixture ``ft_step``: measures training steps with pytest-benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import session_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.variants import Variant
    from pytest_ftcheck.speed.requests import Measuring
    from pytest_ftcheck.speed.step import TrainingStep

_MEASURING = pytest.StashKey["Measuring"]()
"""Missing where no test measures a step."""


def measuring_of(config: pytest.Config) -> Measuring:
    """Return the object that measures the steps of this session."""
    from pytest_ftcheck.speed.requests import Measuring  # noqa: PLC0415 - slow to import

    measuring = Measuring(session_of(config).settings, why_not=why_not_measured(config))
    return config.stash.setdefault(_MEASURING, measuring)


def why_not_measured(config: pytest.Config) -> str:
    """Return why this session measures nothing; an empty string where it measures."""
    if is_worker(config) or (config.getoption("dist", None) or "no") != "no":
        return "pytest-xdist runs tests side by side, which slow each other down: run without -n"
    if config.getoption("benchmark_disable", default=True) and not config.getoption("benchmark_enable", default=False):
        return "--benchmark-disable, or pytest-benchmark is switched off"
    return ""


def measure_case(
    request: pytest.FixtureRequest, benchmark: Any, pipeline: Pipeline, variant: Variant, case: dict[str, Any]
) -> None:
    """Measure a step.

    Raises:
        CheckFailure: the step is not worth measuring.
        FtcheckError: the case does not fit the task.
        NotMeasured: nothing can be measured.

    """
    from pytest_ftcheck.speed.case import StepCase  # noqa: PLC0415 - slow to import

    def timed(step: TrainingStep, plan: Any) -> list[float]:
        benchmark.pedantic(step.take, rounds=plan.rounds, iterations=plan.steps)
        return list(benchmark.stats.stats.data)

    config, chosen, measuring = request.config, StepCase(**case), measuring_of(request.config)
    rows = notes_of(request.node).values.setdefault("bench", [])
    # How long to measure, as pytest-benchmark's own options say.
    limits = {name: config.getoption(f"benchmark_{name}") for name in ("min_rounds", "min_time", "max_time")}
    with measuring.row(pipeline, chosen.label, rows) as row:
        try:
            measuring.measure(chosen, pipeline, row, seed=variant.seed, timed=timed, limits=limits)
            benchmark.extra_info.update(row)
        except BaseException:
            benchmark.has_error = benchmark.skipped = True  # so that it stays out of the JSON, and gives no advice
            raise


def steps_of_test(
    request: pytest.FixtureRequest, pipeline: Pipeline, variant: Variant, device: torch.device
) -> Iterator[TrainingStep]:
    """Make the step for ``ft_step``; after the test, add its description to its benchmark."""
    from pytest_ftcheck.speed.measure import describe  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.memory import peak_memory  # noqa: PLC0415 - slow to import

    benchmark: Any = None
    measuring = measuring_of(request.config)
    if "benchmark" in request.fixturenames:
        if measuring.why_not:
            pytest.skip(f"not measured: {measuring.why_not}")
        benchmark = request.getfixturevalue("benchmark")
    with measuring.alone(pipeline):
        step = measuring.step(pipeline, seed=variant.seed)
        with peak_memory(device) as memory:
            yield step
        if benchmark is not None and benchmark.stats and not benchmark.has_error:
            stats = benchmark.stats
            benchmark.extra_info.update(describe(step, stats.stats.data, stats.iterations, memory))


def update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Give pytest-benchmark the description of the device, where a step was measured."""
    if _MEASURING in config.stash and config.stash[_MEASURING].machine:
        machine_info["ftcheck"] = config.stash[_MEASURING].machine
