"""Collects the suite in pytest: a module per test file and task, node ids ``ftcheck/<task>::…``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.errors import closest
from pytest_ftcheck.judging.selection import cheap_first
from pytest_ftcheck.plugin import fixtures
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import markers_of, session_of
from pytest_ftcheck.plugin.task_module import TaskModule
from pytest_ftcheck.sessions.variants import variants_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.judging.checks import Case
    from pytest_ftcheck.sessions.session import FtcheckSession


class SuiteModule(TaskModule):
    """The suite: a function per family, which runs the chosen checks of that family."""

    def cases_of(self, function: str) -> list[Case]:
        """List the tests of a function: ``test_<family>``, or ``test_metric_floor``."""
        from pytest_ftcheck.judging.checks import cases_of_function  # noqa: PLC0415 - slow to import

        session = session_of(self.config)
        return cases_of_function(function, session.settings, session.checks, session.card(self.task))

    def funcnamefilter(self, name: str) -> bool:
        """Collect functions that are named ``test_…`` and have a chosen check."""
        return super().funcnamefilter(name) and bool(self.cases_of(name))


class BenchModule(TaskModule):
    """The measurements of ``--ftcheck-bench`` and ``--ftcheck-bench-compare``: only those that were requested."""

    def funcnamefilter(self, name: str) -> bool:
        """Collect the requested tests."""
        settings = session_of(self.config).settings
        return (name == "test_step" and settings.bench) or (name == "test_compare" and bool(settings.bench_compare))


def suite_items(session: pytest.Session) -> Iterator[pytest.Item]:
    """Collect the suite of every selected task.

    Raises:
        pytest.UsageError: the command line names a test that the suite does not have.

    """
    ours = session_of(session.config)
    items = [item for task in ours.settings.tasks for item in _module_of(session, task).tests()]
    if ours.settings.budget is not None:
        items.sort(key=lambda item: cheap_first(notes_of(item).case))
    for wanted in ours.selected:
        if not any(_matches(item.nodeid, wanted) for item in items):
            guess = closest(wanted, [item.nodeid for item in items])
            msg = f"unknown test {wanted!r}.{guess} --collect-only lists the suite."
            raise pytest.UsageError(msg)
    chosen = ours.selected
    yield from (item for item in items if not chosen or any(_matches(item.nodeid, wanted) for wanted in chosen))


def _module_of(session: pytest.Session, task: str) -> TaskModule:
    """Return the module of a task for this kind of session."""
    settings = session_of(session.config).settings
    if settings.faults:
        return TaskModule.of_task(session, task, "faults")
    if settings.measures:
        return BenchModule.of_task(session, task, "bench")
    if settings.calibrate:
        return TaskModule.of_task(session, task, "calibrate")
    return SuiteModule.of_task(session, task, "checks")


def _matches(nodeid: str, wanted: str) -> bool:
    return nodeid == wanted or nodeid.startswith((f"{wanted}::", f"{wanted}["))


def unreached_overrides(config: pytest.Config) -> list[str]:
    """List the user's fixtures that the suite does not see, because their conftest.py is below the root folder."""
    notes = []
    for plugin in config.pluginmanager.get_plugins():
        path = Path(getattr(plugin, "__file__", None) or "")
        if path.name != "conftest.py" or config.rootpath not in path.parent.parents:
            continue
        names = sorted(name for name in vars(plugin) if name in vars(fixtures) and name.startswith("ft_"))
        if names:
            where = path.relative_to(config.rootpath)
            notes.append(
                f"{where}: its {', '.join(names)} did not reach the suite, only the tests beside it. "
                f"Move what the suite must check to {config.rootpath / 'conftest.py'}."
            )
    return notes


def parametrize(metafunc: pytest.Metafunc, session: FtcheckSession) -> None:
    """Parametrize tests: of the suite, by check, engine and seed; of the user, by engine and seed, if it names none."""
    module = metafunc.definition.getparent(SuiteModule)
    if module is not None:
        found = module.cases_of(metafunc.function.__name__)
        values, ids = [(case, (case.engine, case.seed)) for case in found], [case.id for case in found]
        metafunc.parametrize(("ft_case", "ft_variant"), values, ids=ids, indirect=["ft_variant"])
        return
    names = set(metafunc.fixturenames)
    if "ft_variant" not in names or not {"ft_run", "ft_train"} & names:  # a user has replaced the run
        return
    variants, ids = variants_of(markers_of(metafunc.definition, "ftcheck"), session.settings)
    if len(variants) > 1:
        metafunc.parametrize("ft_variant", variants, ids=ids, indirect=True)
