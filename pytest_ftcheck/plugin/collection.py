"""The suite's place in pytest's collection: a module per test file and task, node ids ``ftcheck/<task>::…``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.errors import closest
from pytest_ftcheck.plugin import fixtures
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import SUITE, session_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from pytest_ftcheck.plugin.checks import Case
    from pytest_ftcheck.plugin.session import FtcheckSession

_MODULE = Path(__file__).parent / "suite" / "checks.py"


class SuiteModule(pytest.Module):
    """The suite's module, collected for one task whatever the user's naming conventions for tests are."""

    task: str

    def _getobj(self) -> ModuleType:
        return import_module(f"pytest_ftcheck.plugin.suite.{self.path.stem}")

    def cases(self, function: str) -> list[Case]:
        """List the tests that a function stands for; see `cases`."""
        from pytest_ftcheck.plugin.checks import cases  # noqa: PLC0415 - heavy

        return cases(session_of(self.config), self.task, function)

    def funcnamefilter(self, name: str) -> bool:
        """Collect what is named ``test_…`` and has a check that was chosen."""
        return name.startswith("test_") and bool(self.cases(name))

    def classnamefilter(self, name: str) -> bool:
        """Collect no class: the suite has none, and imports some."""
        del name
        return False


def suite_items(session: pytest.Session) -> Iterator[pytest.Item]:
    """Collect the suite of every selected task.

    Raises:
        pytest.UsageError: the command line names a test that the suite does not have.

    """
    ours = session_of(session.config)
    items = [item for task in ours.settings.tasks for item in _task_items(session, task)]
    for wanted in ours.selected:
        if not any(_matches(item.nodeid, wanted) for item in items):
            guess = closest(wanted, [item.nodeid for item in items])
            msg = f"unknown test {wanted!r}.{guess} --collect-only lists the suite."
            raise pytest.UsageError(msg)
    chosen = ours.selected
    yield from (item for item in items if not chosen or any(_matches(item.nodeid, wanted) for wanted in chosen))


def _task_items(session: pytest.Session, task: str) -> Iterator[pytest.Item]:
    if session_of(session.config).settings.faults:
        from pytest_ftcheck.plugin.faults import fault_items  # noqa: PLC0415 - only with --ftcheck-faults

        yield from fault_items(session, task)
        return
    if session_of(session.config).settings.measures:
        from pytest_ftcheck.plugin.bench import bench_items  # noqa: PLC0415 - only with --ftcheck-bench

        yield from bench_items(session, task)
        return
    if session_of(session.config).settings.calibrate:
        from pytest_ftcheck.plugin.calibrate import calibrate_items  # noqa: PLC0415 - only with --ftcheck-calibrate

        yield from calibrate_items(session, task)
        return
    module = SuiteModule.from_parent(session, path=_MODULE, nodeid=f"{SUITE}{task}")
    module.name = f"{SUITE}{task}"
    module.task = task
    module.add_marker(pytest.mark.ftcheck(task=task))
    for item in session.genitems(module):
        case: Case = item.callspec.params["ft_case"]  # type: ignore[attr-defined]  # all tests of the suite have one
        notes_of(item)["case"] = case.note(task)
        yield item


def _matches(nodeid: str, wanted: str) -> bool:
    return nodeid == wanted or nodeid.startswith((f"{wanted}::", f"{wanted}["))


def unreached_overrides(config: pytest.Config) -> list[str]:
    """Say which of a user's fixtures the suite does not see: those of a conftest.py below the root folder."""
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
    """Run a test of the suite once per check, engine and seed; a user's once per engine and seed, if it has neither."""
    module = metafunc.definition.getparent(SuiteModule)
    if module is not None:
        found = module.cases(metafunc.function.__name__)
        values, ids = [(case, (case.engine, case.seed)) for case in found], [case.id for case in found]
        metafunc.parametrize(("ft_case", "ft_variant"), values, ids=ids, indirect=["ft_variant"])
        return
    names = set(metafunc.fixturenames)
    if "ft_variant" not in names or not {"ft_run", "ft_train"} & names:  # without it a user has replaced the run
        return
    pinned: dict[str, object] = {}
    for marker in metafunc.definition.iter_markers("ftcheck"):
        pinned = {**marker.kwargs, **pinned}
    engines = [pinned["engine"]] if "engine" in pinned else session.settings.engines
    seeds = [pinned["seed"]] if "seed" in pinned else session.settings.seeds
    variants = [(engine, seed) for engine in engines for seed in seeds]
    if len(variants) > 1:
        ids = [f"{engine}-seed{seed}" if len(seeds) > 1 else str(engine) for engine, seed in variants]
        metafunc.parametrize("ft_variant", variants, ids=ids, indirect=True)
