"""``--ftcheck-bench``: the tests that measure and compare training steps, and the fixture ``ft_step``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker
from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.plugin.options import given_options
from pytest_ftcheck.plugin.report import notes_of, reports_of
from pytest_ftcheck.plugin.session import session_of
from pytest_ftcheck.plugin.task_module import TaskModule, suite_test
from pytest_ftcheck.speed.spec import parse_pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant
    from pytest_ftcheck.speed.requests import Measuring
    from pytest_ftcheck.speed.step import TrainingStep

_MEASURING = pytest.StashKey["Measuring"]()
"""Missing where no step was measured."""


class BenchModule(TaskModule):
    """The requested measurements."""

    def funcnamefilter(self, name: str) -> bool:
        """Collect the requested tests."""
        settings = session_of(self.config).settings
        return (name == "test_step" and settings.bench) or (name == "test_compare" and bool(settings.bench_compare))


def bench_items(session: pytest.Session, task: str) -> Iterator[pytest.Item]:
    """Collect a test per case and per pair for a task."""
    for item, callspec in BenchModule.of_task(session, task, "bench").cases():
        check = "speed.step" if "ft_step_case" in callspec.params else "speed.compare"
        yield suite_test(item, task, f"{check} {callspec.id}", "bench", callspec.params["ft_variant"])


def parametrize_bench(metafunc: pytest.Metafunc) -> None:
    """Run the test once per case, or per pair, with the first seed; the manual engine makes the step."""
    from pytest_ftcheck.speed.requests import cases_of  # noqa: PLC0415 - only with --ftcheck-bench

    settings = session_of(metafunc.config).settings
    variant, cases = ("manual", settings.seeds[0]), cases_of(settings)
    # Plain values: pytest-benchmark writes parameters into its JSON.
    values: list[Any] = [asdict(case) for case in cases]
    name, ids = "ft_step_case", [case.label for case in cases]
    if "ft_step_pair" in metafunc.fixturenames:
        name, values = "ft_step_pair", list(settings.bench_compare)
        ids = values
    metafunc.parametrize((name, "ft_variant"), [(value, variant) for value in values], ids=ids, indirect=["ft_variant"])


def measuring_of(config: pytest.Config) -> Measuring:
    """Return the object that measures the steps of this session."""
    from pytest_ftcheck.speed.requests import Measuring  # noqa: PLC0415 - slow to import

    return config.stash.setdefault(_MEASURING, Measuring(session_of(config).settings))


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
    """Measure a step; skip the test where nothing can be measured, so that it never passes without a measurement.

    Raises:
        CheckFailure: the step is not worth measuring.
        FtcheckError: the case does not fit the task.

    """
    from pytest_ftcheck.speed.case import StepCase  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.requests import NotMeasured  # noqa: PLC0415 - slow to import

    def timed(step: TrainingStep, plan: Any) -> list[float]:
        benchmark.pedantic(step.take, rounds=plan.rounds, iterations=plan.steps)
        return list(benchmark.stats.stats.data)

    config, chosen, measuring = request.config, StepCase(**case), measuring_of(request.config)
    rows = notes_of(request.node).values.setdefault("bench", [])
    # How long to measure, as pytest-benchmark's own options say.
    limits = {name: config.getoption(f"benchmark_{name}") for name in ("min_rounds", "min_time", "max_time")}
    try:
        with measuring.row(pipeline, chosen.label, rows, why_not=why_not_measured(config)) as row:
            try:
                measuring.measure(chosen, pipeline, row, seed=variant.seed, timed=timed, limits=limits)
                benchmark.extra_info.update(row)
            except BaseException:
                benchmark.has_error = benchmark.skipped = True  # so that it stays out of the JSON, and gives no advice
                raise
    except NotMeasured as why:
        pytest.skip(f"not measured: {why}")


def compare_steps(request: pytest.FixtureRequest, pipeline: Pipeline, variant: Variant, spec: str) -> None:
    """Compare two steps; skip the test where the machine is too noisy for a verdict, so that it never passes then.

    Raises:
        CheckFailure: the second one is slower.
        FtcheckError: a step cannot be made.

    """
    from pytest_ftcheck.speed.pairs import compare_pair  # noqa: PLC0415 - slow to import

    pair, told = parse_pair(spec), notes_of(request.node).values
    if reason := why_not_measured(request.config):
        told["compared"] = [{"task": pipeline.card.name, "described": f"{spec}: not measured: {reason}"}]
        pytest.skip(f"not measured: {reason}")
    measuring, options = measuring_of(request.config), given_options(request.config)
    found = compare_pair(measuring, pipeline, pair, seed=variant.seed, options=options)
    told["compared"] = [{"task": pipeline.card.name, **found.to_record()}]
    if found.verdict == "too noisy":
        pytest.skip(f"too noisy: {found.describe()}")
    if found.verdict == "slower":
        raise CheckFailure([found.finding()])


def steps_of_test(
    request: pytest.FixtureRequest, pipeline: Pipeline, variant: Variant, device: torch.device
) -> Iterator[TrainingStep]:
    """Make the step for ``ft_step``; after the test, add its description to its benchmark."""
    from pytest_ftcheck.speed.measure import describe  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.memory import peak_memory  # noqa: PLC0415 - slow to import

    benchmark: Any = None
    if "benchmark" in request.fixturenames:
        if reason := why_not_measured(request.config):
            pytest.skip(f"not measured: {reason}")
        benchmark = request.getfixturevalue("benchmark")
    measuring = measuring_of(request.config)
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


class BenchOutcome:
    """Collects the measurements, and shows them at the end."""

    def __init__(self, session: FtcheckSession) -> None:
        """Refuse pairs that cannot be read, before anything is loaded."""
        try:
            for spec in session.settings.bench_compare:
                parse_pair(spec)
        except FtcheckError as error:
            raise pytest.UsageError(str(error)) from error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the table, and the peak figures that its fractions refer to."""
        reports = reports_of(terminalreporter.config)
        rows, comparisons = reports.entries("bench"), reports.entries("compared")
        if not rows and not comparisons:
            return
        from pytest_ftcheck.speed.table import peak_lines, step_table  # noqa: PLC0415 - only where steps were measured

        terminalreporter.section("ftcheck: training steps", "=")
        for compared in comparisons:
            terminalreporter.write_line(f"{compared['task']}: {compared['described']}")
        if rows:
            terminalreporter.write_line(step_table(rows))
            for line in peak_lines(rows):
                terminalreporter.write_line(line)
