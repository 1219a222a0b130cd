"""The suite's place in pytest's collection: a module per test file and task, node ids ``ftcheck/<task>::…``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.errors import unknown
from pytest_ftcheck.plugin import fixtures
from pytest_ftcheck.plugin.session import SUITE, session_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from pytest_ftcheck.plugin.session import FtcheckSession

_MODULES = ("quality", "collator")
_BOTH_ENGINES = ("engines",)


class SuiteModule(pytest.Module):
    """A module of the suite, collected for one task whatever the user's naming conventions for tests are."""

    def _getobj(self) -> ModuleType:
        return import_module(f"pytest_ftcheck.plugin.suite.{self.path.stem}")

    def funcnamefilter(self, name: str) -> bool:
        """Collect what is named ``test_…``."""
        return name.startswith("test_")

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
    items = [
        item
        for task in ours.settings.tasks
        for name in (*_MODULES, *(_BOTH_ENGINES if len(ours.settings.engines) > 1 else ()))
        for item in session.genitems(_module(session, task, name))
    ]
    for wanted in ours.selected:
        if not any(_matches(item.nodeid, wanted) for item in items):
            msg = unknown("test", wanted, (item.nodeid for item in items), "--collect-only lists the suite.")
            raise pytest.UsageError(msg)
    chosen = ours.selected
    yield from (item for item in items if not chosen or any(_matches(item.nodeid, wanted) for wanted in chosen))


def _module(session: pytest.Session, task: str, name: str) -> SuiteModule:
    path = Path(__file__).parent / "suite" / f"{name}.py"
    module = SuiteModule.from_parent(session, path=path, nodeid=f"{SUITE}{task}")
    module.name = f"{SUITE}{task}"
    module.add_marker(pytest.mark.ftcheck(task=task))
    return module


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
    """Run a test once per engine and seed, where its marker does not say which; a suite's test once per metric."""
    ours = metafunc.definition.nodeid.startswith(SUITE)
    if "ft_metric" in metafunc.fixturenames and ours:
        marker = metafunc.definition.get_closest_marker("ftcheck")
        card = session.card(marker.kwargs["task"] if marker else "")
        metafunc.parametrize("ft_metric", list(card.metric.greater_is_better))
    names = set(metafunc.fixturenames)
    if "ft_variant" not in names or not {"ft_run", "ft_train"} & names:  # without it a user has replaced the run
        return
    pinned: dict[str, object] = {}
    for marker in metafunc.definition.iter_markers("ftcheck"):
        pinned = {**marker.kwargs, **pinned}
    engines = [pinned["engine"]] if "engine" in pinned else session.settings.engines
    seeds = [pinned["seed"]] if "seed" in pinned else session.settings.seeds
    variants = [(engine, seed) for engine in engines for seed in seeds]
    if ours or len(variants) > 1:
        ids = [f"{engine}-seed{seed}" if len(seeds) > 1 else str(engine) for engine, seed in variants]
        metafunc.parametrize("ft_variant", variants, ids=ids, indirect=True)
