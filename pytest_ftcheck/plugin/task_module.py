"""A test module of this plugin in pytest's collection: one for each task, node ids ``ftcheck/<task>::…``."""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.sessions.session import SUITE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_FOLDER = Path(__file__).parent / "suite"


class TaskModule(pytest.Module):
    """A module of ``plugin/suite``, collected for one task whatever the user's naming conventions for tests are."""

    task: str

    @classmethod
    def of_task(cls, session: pytest.Session, task: str, stem: str) -> Self:
        """Make the module of a task from the file of this name in ``plugin/suite``."""
        module = cls.from_parent(session, path=_FOLDER / f"{stem}.py", nodeid=f"{SUITE}{task}")
        module.name = f"{SUITE}{task}"
        module.task = task
        module.add_marker(pytest.mark.ftcheck(task=task))
        return module

    def _getobj(self) -> ModuleType:
        # A module object for each task: pytest 8.4 registers the fixtures of one object once, for the first task only.
        spec = find_spec(f"pytest_ftcheck.plugin.suite.{self.path.stem}")
        assert spec is not None  # noqa: S101 - the folder is beside this file
        assert spec.loader is not None  # noqa: S101 - as above
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def funcnamefilter(self, name: str) -> bool:
        """Collect functions that are named ``test_…``."""
        return name.startswith("test_")

    def classnamefilter(self, name: str) -> bool:
        """Collect no class: the modules define none, and import some."""
        del name
        return False

    def tests(self) -> Iterator[pytest.Item]:
        """Collect the tests; each notes its case, which the function ``case_of`` of its file makes."""
        for item in self.session.genitems(self):
            callspec = item.callspec  # type: ignore[attr-defined]  # all of them are parametrized
            notes_of(item).values["case"] = self.obj.case_of(self.task, callspec)
            yield item


def case_of_variant(task: str, check: str, cost: str, variant: tuple[str, int]) -> dict[str, object]:
    """Return the case of a test that does not run a check; see `pytest_ftcheck.judging.checks.Case.note`."""
    engine, seed = variant
    return {"task": task, "check": check, "cost": cost, "engine": engine, "seed": seed}
