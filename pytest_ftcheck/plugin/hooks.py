"""The plugin's entry point: hooks and fixtures, each a docstring, a local import and a call.

Nothing heavy is imported here: a project that has the plugin installed and does not use it imports this file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker
from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.judging.requests import check_request
from pytest_ftcheck.plugin.benchmark_folder import note_absence, remove_empty
from pytest_ftcheck.plugin.effects import check_use
from pytest_ftcheck.plugin.fixtures import (
    ft_baseline,
    ft_collator,
    ft_dataset,
    ft_device,
    ft_gate,
    ft_model,
    ft_pipeline,
    ft_run,
    ft_session,
    ft_step,
    ft_task,
    ft_tokenizer,
    ft_train,
    ft_variant,
)
from pytest_ftcheck.plugin.listing import print_list
from pytest_ftcheck.plugin.options import add_options, given_on_command_line
from pytest_ftcheck.plugin.outcome import SessionOutcome, begin_reports, header
from pytest_ftcheck.plugin.report import REPORTS as COLLECTED
from pytest_ftcheck.plugin.report import Reports, forget_notes
from pytest_ftcheck.plugin.session import SESSION, begin, choose_paths, session_of
from pytest_ftcheck.plugin.workers import SentBaselines
from pytest_ftcheck.settings import REPORTS

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "ft_baseline",
    "ft_collator",
    "ft_dataset",
    "ft_device",
    "ft_gate",
    "ft_model",
    "ft_pipeline",
    "ft_run",
    "ft_session",
    "ft_step",
    "ft_task",
    "ft_tokenizer",
    "ft_train",
    "ft_variant",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Keep the Hugging Face libraries off the network: they read this variable when they are imported."""
    known = early_config.known_args_namespace
    ours = {name: value for name, value in vars(known).items() if name.startswith("ftcheck_")}
    if any(ours.values()) and not ours["ftcheck_online"]:
        os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings; take the suite's node ids out of the command line; without any path only the suite runs."""
    note_absence(config)
    config.addinivalue_line("markers", "ftcheck(task, engine, seed): task, engine and seed of this test's fixtures")
    config.addinivalue_line(
        "markers", "ftcheck_floor(metric, min, max, max_drop, relative): limits for ft_run and ft_gate in this test"
    )
    try:
        begin_reports(config, {name: config.getoption(f"ftcheck_{name}") for name in REPORTS})
        session = begin(config)
        if session.settings.tasks:
            choose_paths(config, session)
        begin_reports(config, {name: getattr(session.settings, name) for name in REPORTS})
        check_request(session, None if is_worker(config) else given_on_command_line(config))
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(SentBaselines(session), "ftcheck-baseline")
    if not is_worker(config):
        reports = config.stash.setdefault(COLLECTED, Reports())
        config.pluginmanager.register(reports, "ftcheck-reports")
        outcome = SessionOutcome(session, reports, given_on_command_line(config))
        config.pluginmanager.register(outcome, "ftcheck-outcome")
        config.pluginmanager.register(outcome.failures, "ftcheck-failures")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder of pytest-benchmark if it is empty."""
    remove_empty(config)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Print a list instead of running a session, if that was requested."""
    return print_list(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Choose the checks; build and validate every part of the selected tasks, before a test runs."""
    ours = session_of(session.config)
    if not ours.settings.tasks:
        return
    from pytest_ftcheck.plugin.progress import announced  # noqa: PLC0415 - only where a task is selected

    try:
        with announced(session.config, "ftcheck: loading torch, transformers, data and checkpoints …"):
            from pytest_ftcheck.judging.prepare import check_everything, choose_checks  # noqa: PLC0415 - as above

            choose_checks(ours)
            if not is_worker(session.config) and not session.config.getoption("collectonly"):
                ours.open_baselines().check_files(ours.settings.tasks)
                check_everything(ours)
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name tasks, models, data and device of this session."""
    ours = config.stash.get(SESSION, None)
    if ours is None or not ours.pipelines:
        return []
    return header(ours, config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the suite in front of the user's own tests, before any other plugin selects or orders."""
    if session_of(config).settings.tasks:
        from pytest_ftcheck.plugin.collection import suite_items  # noqa: PLC0415 - only where a task is selected

        items[:0] = suite_items(session)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse options of this plugin that no collected test uses."""
    check_use(session)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests once per engine, seed and metric."""
    if any(name.startswith("ft_") for name in metafunc.fixturenames):
        from pytest_ftcheck.plugin.collection import parametrize  # noqa: PLC0415 - only where our fixtures are used

        parametrize(metafunc, session_of(metafunc.config))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remove the notes of an earlier attempt of this test."""
    forget_notes(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """When a test has passed, judge the limits of its marker on its run."""
    yield
    if item.get_closest_marker("ftcheck_floor"):
        from pytest_ftcheck.plugin.user_gates import judge_marked  # noqa: PLC0415 - slow to import

        judge_marked(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show this plugin's errors without a traceback; add the data for the summary to the report."""
    report = yield
    from pytest_ftcheck.plugin.report import mark_report  # noqa: PLC0415 - after start-up

    mark_report(item, call, report)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a task on one worker, which has the task's run; seeds of a calibration share no run."""
    settings = session_of(config).settings
    if config.getoption("dist") != "load" or not settings.tasks or settings.calibrate:
        return None
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - optional

    return LoadScopeScheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Add device, driver, clocks and versions to the measured steps."""
    from pytest_ftcheck.plugin.bench import update_machine_info  # noqa: PLC0415 - only where benchmarks are written

    update_machine_info(config, machine_info)
