"""The state of one session in one process: settings, tasks, and what was made of them so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.store import RunStore
    from pytest_ftcheck.sessions.baselines import Baselines
    from pytest_ftcheck.sessions.bundles import Bundles
    from pytest_ftcheck.sessions.parts import Parts
    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.tasks.card import TaskCard
    from pytest_ftcheck.training.recorder import ProgressListener
    from pytest_ftcheck.training.train_or_load import SessionRuns

SUITE = "ftcheck/"
"""Node ids of the suite start with it; the name of the task follows."""


@dataclass(frozen=True)
class Host:
    """What a session takes from the program that it runs in."""

    folder: Callable[[], Path]
    """Gives the folder of the session's runs, which all of its processes share."""
    scratch: Callable[[], Path]
    """Makes an empty folder for a short fine-tune."""
    listening: Callable[[], AbstractContextManager[ProgressListener]]
    """Gives what is told of a run while it is made."""
    token: str | None = None
    """Names the session, where it has several processes: it stands for parts without a stable description."""


@dataclass
class FtcheckSession:
    """Everything that the tests of one session share in one process."""

    settings: Settings
    host: Host
    selected: tuple[str, ...] = ()
    """Node ids of the suite that were asked for; empty: all of the selected tasks."""
    alone: bool = False
    """The suite runs without the project's own tests."""
    own_task: str | None = None
    """The task of ``--ftcheck-trainer`` alone: no card describes it but what the Trainer tells."""
    checks: tuple[Check, ...] = ()
    """Those that are chosen, in the order of the catalogue."""
    cards: dict[str, TaskCard] = field(default_factory=dict)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    tellers: dict[tuple[object, str], str] = field(default_factory=dict)
    """Node id of the test that tells of a failure, by what failed and how."""
    baselines: Baselines | None = None
    """Accepted runs; None where nobody asked for them yet."""

    def table(self, name: str) -> Mapping[str, Any]:
        """Return what is written about a task; it has a key ``trainer`` where the rest comes out of a Trainer.

        Raises:
            TaskError: no such task, or an unknown key.

        """
        from pytest_ftcheck.tasks.card import card_table  # noqa: PLC0415 - a session without a task pays for none
        from pytest_ftcheck.tasks.card_rules import check_keys  # noqa: PLC0415 - as above

        tables = self.settings.task_tables
        table = tables.get(name, {}) if name == self.own_task else card_table(name, tables)
        if self.settings.trainer and name in self.settings.tasks:
            table = {**table, "trainer": self.settings.trainer}
        check_keys(name, table)
        return table

    def card(self, name: str) -> TaskCard:
        """Return a task's card; that of a Trainer comes with its pipeline."""
        from pytest_ftcheck.tasks.card import parse_card  # noqa: PLC0415 - as in `table`

        if name not in self.cards:
            table = self.table(name)
            self.cards[name] = self.pipeline(name).card if "trainer" in table else parse_card(name, table)
        return self.cards[name]

    def pipeline(self, name: str) -> Pipeline:
        """Return a task's pipeline, built once."""
        if name not in self.pipelines:
            self.pipelines[name] = self._build(name)
        return self.pipelines[name]

    def _build(self, name: str) -> Pipeline:
        table = self.table(name)
        if "trainer" in table:
            from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline  # noqa: PLC0415 - slow to import

            return build_trainer_pipeline(name, table["trainer"], table, self.settings)
        from pytest_ftcheck.pipeline.from_card import build_pipeline  # noqa: PLC0415 - slow to import

        return build_pipeline(self.card(name), self.settings)

    @cached_property
    def runs(self) -> SessionRuns:
        """What makes and keeps the runs."""
        from pytest_ftcheck.training.train_or_load import SessionRuns  # noqa: PLC0415 - slow to import

        return SessionRuns(self.settings, self._open_store, self.host.listening)

    def _open_store(self) -> RunStore:
        """Open the run store: the session's own folder, or with ``--ftcheck-reuse`` the one that stays."""
        from pytest_ftcheck.runs.describer import SESSION  # noqa: PLC0415 - after start-up
        from pytest_ftcheck.runs.store import RunStore, default_store  # noqa: PLC0415 - slow to import

        own = self.host.folder()
        root = (self.settings.store or default_store()) if self.settings.reuse else own
        return RunStore(root, kept=self.settings.reuse, session=self.host.token or SESSION, aside=own)

    @cached_property
    def parts(self) -> Parts:
        """What is made of the tasks' parts for tests."""
        from pytest_ftcheck.sessions.parts import Parts  # noqa: PLC0415 - after start-up

        return Parts(self)

    @cached_property
    def bundles(self) -> Bundles:
        """What the checks look at."""
        from pytest_ftcheck.sessions.bundles import Bundles  # noqa: PLC0415 - slow to import

        return Bundles(self)

    def open_baselines(self) -> Baselines:
        """Return the accepted runs, which are read when they are first asked for.

        Raises:
            DataError: the file was edited, or is not whole.

        """
        from pytest_ftcheck.sessions.baselines import Baselines  # noqa: PLC0415 - slow to import

        if self.baselines is None:
            self.baselines = Baselines(self.settings)
        return self.baselines

    def teller(self, failed: object, error: Exception, nodeid: str) -> str:
        """Return the test that tells of a failure: the first that meets it.

        Args:
            failed: equal for tests that need the same run.
            error: that ended it.
            nodeid: of the test that asks.

        """
        return self.tellers.setdefault((failed, str(error)), nodeid)


def start_session(settings: Settings, host: Host, selected: Sequence[str] = ()) -> FtcheckSession:
    """Make the state of a session, with the cards of its tasks.

    Args:
        settings: as they were given.
        host: that the session runs in.
        selected: node ids of the suite that were asked for; their tasks take the place of those of the settings.

    Raises:
        FtcheckError: a task or a card is wrong.

    """
    own_task = _own_task(settings)
    named = [nodeid.removeprefix(SUITE).split("::")[0] for nodeid in selected]
    tasks = tuple(dict.fromkeys(named)) or settings.tasks or ((own_task,) if own_task else ())
    if settings.trainer and len(tasks) > 1:
        msg = f"--ftcheck-trainer={settings.trainer} goes with one task, not {', '.join(tasks)}."
        raise SettingsError(msg)
    session = FtcheckSession(replace(settings, tasks=tasks), host, tuple(selected), own_task=own_task)
    for task in tasks:
        if "trainer" not in session.table(task):  # calling it here would import torch before anything is shown
            session.card(task)
    return session


def _own_task(settings: Settings) -> str | None:
    """Name the task of a Trainer that is given without one."""
    if not settings.trainer or settings.tasks:
        return None
    from pytest_ftcheck.pipeline.factory import trainer_task_name  # noqa: PLC0415 - only this option needs it

    return trainer_task_name(settings.trainer)
