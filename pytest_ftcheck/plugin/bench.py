"""``--ftcheck-bench``: the tests that measure and compare training steps, and the fixture ``ft_step``."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.reports import reports_of
from pytest_ftcheck.plugin.session import is_worker, session_of
from pytest_ftcheck.plugin.task_module import TaskModule
from pytest_ftcheck.speed.spec import parse_pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant
    from pytest_ftcheck.speed.case import StepCase
    from pytest_ftcheck.speed.step import TrainingStep

MACHINE = pytest.StashKey[dict[str, Any]]()
"""The machine that a step of this session was measured on; not there where none was."""


class BenchModule(TaskModule):
    """The measurements that were asked for."""

    def funcnamefilter(self, name: str) -> bool:
        """Collect what was asked for."""
        settings = session_of(self.config).settings
        return (name == "test_step" and settings.bench) or (name == "test_compare" and bool(settings.bench_compare))


def bench_items(session: pytest.Session, task: str) -> Iterator[pytest.Item]:
    """Collect a test per case and per pair for a task."""
    for item, callspec in BenchModule.of_task(session, task, "bench").cases():
        engine, seed = callspec.params["ft_variant"]
        check = "speed.step" if "ft_step_case" in callspec.params else "speed.compare"
        notes_of(item)["case"] = {
            "task": task,
            "check": f"{check} {callspec.id}",
            "cost": "bench",
            "engine": engine,
            "seed": seed,
        }
        yield item


def cases_of(session: FtcheckSession) -> tuple[StepCase, ...]:
    """List the cases that the command line asks for."""
    from pytest_ftcheck.speed.case import sweep  # noqa: PLC0415 - only with --ftcheck-bench

    settings = session.settings
    return sweep(
        settings.bench_batch_sizes, settings.bench_dtypes, settings.bench_seq_len, compiled=settings.bench_compile
    )


def parametrize_bench(metafunc: pytest.Metafunc) -> None:
    """Run the test once per case, or per pair, with the first seed; the step is that of the manual engine."""
    session = session_of(metafunc.config)
    variant = ("manual", session.settings.seeds[0])
    # Plain values: pytest-benchmark writes parameters into its JSON.
    values: list[Any] = [asdict(case) for case in cases_of(session)]
    name, ids = "ft_step_case", [case.label for case in cases_of(session)]
    if "ft_step_pair" in metafunc.fixturenames:
        name, values = "ft_step_pair", list(session.settings.bench_compare)
        ids = values
    metafunc.parametrize((name, "ft_variant"), [(value, variant) for value in values], ids=ids, indirect=["ft_variant"])


def why_not_measured(config: pytest.Config) -> str | None:
    """Say why this session measures nothing, where that is so."""
    if is_worker(config) or (config.getoption("dist", None) or "no") != "no":
        return "pytest-xdist runs tests side by side, which slow each other down: run without -n"
    if config.getoption("benchmark_disable", default=True) and not config.getoption("benchmark_enable", default=False):
        return "--benchmark-disable, or pytest-benchmark is switched off"
    return None


def measure_case(  # noqa: PLR0917 - what a test has at hand
    request: pytest.FixtureRequest,
    benchmark: Any,
    session: FtcheckSession,
    pipeline: Pipeline,
    variant: Variant,
    case: dict[str, Any],
) -> None:
    """Measure a step; skip the test where nothing can be measured, which is never green.

    Raises:
        CheckFailure: the step is not worth measuring.
        FtcheckError: the case does not fit the task.

    """
    from pytest_ftcheck.speed.case import StepCase  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.measure import measure  # noqa: PLC0415 - slow to import

    chosen = StepCase(**case)
    with measured_row(request, session, pipeline, chosen.label) as row:
        prepared = chosen.of(shaped(session, pipeline))
        row["model"], row["parameters"] = prepared.checkpoint.name, prepared.checkpoint.parameters
        step = _new_step(session, prepared, variant, steps=1 if chosen.seq_len else None)

        def timed(plan: Any) -> list[float]:
            benchmark.pedantic(step.take, rounds=plan.rounds, iterations=plan.steps)
            return list(benchmark.stats.stats.data)

        try:
            row.update(measure(step, timed, **_limits(request.config)))
            benchmark.extra_info.update(row)
        except BaseException:
            benchmark.has_error = benchmark.skipped = True  # so that it stays out of the JSON, and gives no advice
            raise


@contextmanager
def measured_row(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, label: str
) -> Iterator[dict[str, Any]]:
    """Note a row for the table, whatever comes of it: out of memory is a row too."""
    from pytest_ftcheck.speed.device import undisturbed  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.machine import fingerprint  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.memory import is_out_of_memory  # noqa: PLC0415 - slow to import

    row: dict[str, Any] = {"case": label, "task": pipeline.card.name, "data": pipeline.data.source}
    notes_of(request.node)["bench"] = [row]
    out_of_memory = False
    try:
        if reason := why_not_measured(request.config):
            row["not_measured"] = reason
            pytest.skip(f"not measured: {reason}")
        machine = note_machine(request.config, session, pipeline)
        row["device_name"], row["fingerprint"] = machine["device_name"], fingerprint(machine)
        with undisturbed(machine["threads"], device_of(session), fast=pipeline.fast_cpu):
            yield row
    except Exception as error:
        row.setdefault("not_measured", "it failed")
        if not is_out_of_memory(error):
            raise
        out_of_memory = True
        row["not_measured"] = "out of memory"
    if out_of_memory:  # outside of the handler, whose traceback holds the tensors
        _free_memory()
        pytest.skip(f"not measured: out of memory at {label}")


def _new_step(session: FtcheckSession, pipeline: Pipeline, variant: Variant, *, steps: int | None) -> TrainingStep:
    from pytest_ftcheck.speed.step import STEPS, TrainingStep  # noqa: PLC0415 - slow to import

    return TrainingStep(pipeline, device=device_of(session), seed=variant.seed, steps=steps or STEPS)


def device_of(session: FtcheckSession) -> str:
    """Return the device that steps are measured on."""
    from pytest_ftcheck.training.device import resolve_device  # noqa: PLC0415 - slow to import

    return resolve_device(session.settings.device, session.settings.require_device)


def _limits(config: pytest.Config) -> dict[str, Any]:
    """How long to measure, as pytest-benchmark's own options say."""
    return {
        "min_rounds": config.getoption("benchmark_min_rounds"),
        "min_time": max(float(config.getoption("benchmark_min_time")), _SHORTEST_ROUND),
        "max_time": float(config.getoption("benchmark_max_time")),
    }


_SHORTEST_ROUND = 0.05
"""Seconds: below, what else the machine does in a moment decides."""


def shaped(session: FtcheckSession, pipeline: Pipeline) -> Pipeline:
    """Put a model of ``--ftcheck-bench-shape`` in the place of the task's, where one is asked for."""
    if session.settings.bench_shape is None:
        return pipeline
    from pytest_ftcheck.speed.shapes import with_shape  # noqa: PLC0415 - slow to import

    return with_shape(pipeline, session.settings.bench_shape)


def _free_memory() -> None:
    import torch  # noqa: PLC0415 - slow to import

    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def note_machine(config: pytest.Config, session: FtcheckSession, pipeline: Pipeline) -> dict[str, Any]:
    """Describe the machine once a session, for pytest-benchmark's JSON."""
    from pytest_ftcheck.speed.machine import describe_machine  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.training.launch import threads_for  # noqa: PLC0415 - slow to import

    if MACHINE not in config.stash:
        config.stash[MACHINE] = describe_machine(device_of(session), threads_for(session.settings, pipeline))
    return config.stash[MACHINE]


def steps_of_test(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, variant: Variant, device: torch.device
) -> Iterator[TrainingStep]:
    """Make the step behind ``ft_step``; when the test is over, put what is known of it beside its benchmark."""
    from pytest_ftcheck.speed.device import undisturbed  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.measure import describe  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.memory import peak_memory  # noqa: PLC0415 - slow to import

    benchmark: Any = None
    if "benchmark" in request.fixturenames:
        if reason := why_not_measured(request.config):
            pytest.skip(f"not measured: {reason}")
        benchmark = request.getfixturevalue("benchmark")
    machine = note_machine(request.config, session, pipeline)
    with undisturbed(machine["threads"], device_of(session), fast=pipeline.fast_cpu):
        step = _new_step(session, pipeline, variant, steps=None)
        with peak_memory(device) as memory:
            yield step
        if benchmark is not None and benchmark.stats and not benchmark.has_error:
            stats = benchmark.stats
            benchmark.extra_info.update(describe(step, stats.stats.data, stats.iterations, memory))


def update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Tell pytest-benchmark of the device, where a step was measured."""
    if MACHINE in config.stash:
        machine_info["ftcheck"] = config.stash[MACHINE]


class BenchOutcome:
    """Collects what was measured, and shows it at the end."""

    def __init__(self, session: FtcheckSession) -> None:
        """Refuse pairs that cannot be read, before anything is loaded."""
        try:
            for spec in session.settings.bench_compare:
                parse_pair(spec)
        except FtcheckError as error:
            raise pytest.UsageError(str(error)) from error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the table, and what its figures are shares of."""
        reports = reports_of(terminalreporter.config)
        rows, comparisons = reports.told("bench"), reports.told("compared")
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
