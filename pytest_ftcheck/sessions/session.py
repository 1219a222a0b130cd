"""The state of one session in one process: settings, tasks, and the objects made from them so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.sessions.budget import Budget

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
"""Prefix of the suite's node ids; the name of the task follows."""


@dataclass(frozen=True)
class Host:
    """Functions of the program that runs a session."""

    folder: Callable[[], Path]
    """Returns the folder of the session's runs, which all its processes share."""
    scratch: Callable[[], Path]
    """Makes an empty folder for a short fine-tune."""
    listening: Callable[[], AbstractContextManager[ProgressListener]]
    """Returns the listener for the progress of a run."""
    token: str | None = None
    """Identifies a session with several processes, in the description of parts without a stable description."""


@dataclass
class FtcheckSession:
    """Everything that the tests of one session share in one process."""

    settings: Settings
    host: Host
    selected: tuple[str, ...] = ()
    """Requested node ids of the suite; empty: all tests of the selected tasks."""
    alone: bool = False
    """The suite runs without the project's own tests."""
    own_task: str | None = None
    """The task of ``--ftcheck-trainer`` without a name: it has no card, only the Trainer describes it."""
    checks: tuple[Check, ...] = ()
    """The chosen checks, in the order of the catalogue."""
    cards: dict[str, TaskCard] = field(default_factory=dict)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    reporting_tests: dict[tuple[object, str], str] = field(default_factory=dict)
    """Node id of the test that reports a failure, by the failed run and the error."""
    budget: Budget = field(default_factory=Budget)
    """The time that tests of the suite may take."""
    figured: dict[str, str] = field(default_factory=dict)
    """Node id of the test that notes the figures of a run, by the name of the run."""
    baselines: Baselines | None = None
    """Accepted runs; None until they are first requested."""

    def table(self, name: str) -> Mapping[str, Any]:
        """Return the table of a task; it has a key ``trainer`` if a user's Trainer gives the other values.

        Raises:
            TaskError: unknown task, or unknown key.

        """
        from pytest_ftcheck.tasks.card import card_table  # noqa: PLC0415 - only sessions with a task need it
        from pytest_ftcheck.tasks.card_rules import check_keys  # noqa: PLC0415 - as above

        tables = self.settings.task_tables
        table = tables.get(name, {}) if name == self.own_task else card_table(name, tables)
        if self.settings.trainer and name in self.settings.tasks:
            table = {**table, "trainer": self.settings.trainer}
        check_keys(name, table)
        return table

    def card(self, name: str) -> TaskCard:
        """Return a task's card; for a user's Trainer, building the pipeline makes the card."""
        from pytest_ftcheck.tasks.card import parse_card  # noqa: PLC0415 - as in `table`

        if name not in self.cards:
            table = self.table(name)
            self.cards[name] = self.pipeline(name).card if "trainer" in table else parse_card(name, table)
        return self.cards[name]

    def pipeline(self, name: str) -> Pipeline:
        """Return a task's pipeline, which is built once."""
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
        """The object that makes and keeps the runs."""
        from pytest_ftcheck.training.train_or_load import SessionRuns  # noqa: PLC0415 - slow to import

        return SessionRuns(self.settings, self._open_store, self.host.listening)

    def _open_store(self) -> RunStore:
        """Open the run store: the session's own folder, or with ``--ftcheck-reuse`` the permanent one."""
        from pytest_ftcheck.runs.describer import SESSION  # noqa: PLC0415 - after start-up
        from pytest_ftcheck.runs.store import RunStore, default_store  # noqa: PLC0415 - slow to import

        own = self.host.folder()
        root = (self.settings.store or default_store()) if self.settings.reuse else own
        return RunStore(root, kept=self.settings.reuse, session=self.host.token or SESSION, aside=own)

    @cached_property
    def parts(self) -> Parts:
        """Objects made from the tasks' parts for tests."""
        from pytest_ftcheck.sessions.parts import Parts  # noqa: PLC0415 - after start-up

        return Parts(self)

    @cached_property
    def bundles(self) -> Bundles:
        """The evidence of the checks."""
        from pytest_ftcheck.sessions.bundles import Bundles  # noqa: PLC0415 - slow to import

        return Bundles(self)

    def open_baselines(self) -> Baselines:
        """Return the accepted runs, which are read at the first call.

        Raises:
            DataError: the file was edited, or is incomplete.

        """
        from pytest_ftcheck.sessions.baselines import Baselines  # noqa: PLC0415 - slow to import

        if self.baselines is None:
            self.baselines = Baselines(self.settings)
        return self.baselines

    def reporting_test(self, failed: object, error: Exception, nodeid: str) -> str:
        """Return the test that reports a failure: the first that encounters it.

        Args:
            failed: an identifier that is equal for tests that need the same run.
            error: the error that ended the run.
            nodeid: node id of the calling test.

        """
        return self.reporting_tests.setdefault((failed, str(error)), nodeid)


def start_session(settings: Settings, host: Host, selected: Sequence[str] = ()) -> FtcheckSession:
    """Make the state of a session, with the cards of its tasks.

    Args:
        settings: settings of the session.
        host: functions of the program that runs the session.
        selected: requested node ids of the suite; their tasks replace the tasks of the settings.

    Raises:
        FtcheckError: a task or a card is wrong.

    """
    own_task = _own_task(settings)
    named = [nodeid.removeprefix(SUITE).split("::")[0] for nodeid in selected]
    tasks = tuple(dict.fromkeys(named)) or settings.tasks or ((own_task,) if own_task else ())
    if settings.trainer and len(tasks) > 1:
        msg = f"--ftcheck-trainer={settings.trainer} needs one task, not {', '.join(tasks)}. Give one --ftcheck-task."
        raise SettingsError(msg)
    session = FtcheckSession(replace(settings, tasks=tasks), host, tuple(selected), own_task=own_task)
    session.budget = Budget(settings.budget)
    for task in tasks:
        if "trainer" not in session.table(task):  # making the Trainer here would import torch before any output
            session.card(task)
    return session


def _own_task(settings: Settings) -> str | None:
    """Return the task name of a Trainer that is given without a task."""
    if not settings.trainer or settings.tasks:
        return None
    from pytest_ftcheck.pipeline.factory import trainer_task_name  # noqa: PLC0415 - only this option needs it

    return trainer_task_name(settings.trainer)
