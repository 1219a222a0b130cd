"""The state of one pytest session: settings, pipelines, runs. Lives in pytest's stash."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.compat.of_pytest import base_folder
from pytest_ftcheck.configuration import make_settings
from pytest_ftcheck.errors import SettingsError, TaskError
from pytest_ftcheck.plugin.options import given_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets import Dataset
    from transformers import PreTrainedModel

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.baselines import Baselines
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.runs.store import RunStore
    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.tasks.card import TaskCard

SUITE = "ftcheck/"
"""Node ids of the injected suite start with it."""


@dataclass
class FtcheckSession:
    """Everything that tests of one session share in one process."""

    settings: Settings
    selected: tuple[str, ...] = ()
    """Node ids of the suite that the command line named; empty: all of the selected tasks."""
    alone: bool = False
    """The suite runs without the project's own tests, because the command line has no path."""
    own_task: str | None = None
    """The task of ``--ftcheck-trainer`` alone: no card describes it but what the Trainer tells."""
    checks: tuple[Check, ...] = ()
    """Those that are chosen, in the order of the catalogue."""
    cards: dict[str, TaskCard] = field(default_factory=dict)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    runs: dict[tuple[Any, ...], Run | Exception] = field(default_factory=dict)
    """By the parts that made them (compared by identity, and kept alive here), engine and seed."""
    tellers: dict[tuple[object, str], str] = field(default_factory=dict)
    """Node id of the test that tells of a failure, by what failed and how."""
    evidence: dict[tuple[Any, ...], Evidence] = field(default_factory=dict)
    """By task, engine, seed and what a user's fixtures changed; the one that was used last stands last."""
    models: dict[tuple[str, int], PreTrainedModel] = field(default_factory=dict)
    """The latest untrained one, by task and seed, for the suite's tests alone: they do not change it."""
    tokenized: dict[tuple[str, str], dict[str, Dataset]] = field(default_factory=dict)
    """Splits by task and digest of a user's tokenizer: its fixture makes a new one for every test."""
    slices: dict[tuple[str, str], Mapping[str, Masks]] = field(default_factory=dict)
    """Evaluation rows of each slice of the card, by task and identity of those rows."""
    calibration: list[dict[str, Any]] = field(default_factory=list)
    """What was proposed for the card of each task."""
    baselines: Baselines | None = None
    """Accepted runs, read when they are first asked for."""
    store: RunStore | None = None

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

    def open_store(self, config: pytest.Config) -> RunStore:
        """Open the run store: the session's own folder, or with ``--ftcheck-reuse`` the one that stays."""
        from pytest_ftcheck.runs.describer import SESSION  # noqa: PLC0415 - after start-up
        from pytest_ftcheck.runs.store import RunStore, default_store  # noqa: PLC0415 - slow to import

        if self.store is None:
            own = session_folder(config)
            root = (self.settings.store or default_store()) if self.settings.reuse else own
            # Workers of pytest-xdist share their runs, and so what stands for parts without a stable description.
            token = getattr(config, "workerinput", {}).get("testrunuid", SESSION)
            self.store = RunStore(root, kept=self.settings.reuse, session=token, aside=own)
        return self.store


SESSION = pytest.StashKey[FtcheckSession]()


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


def session_folder(config: pytest.Config) -> Path:
    """Folder of this session's runs, the same one in all workers of pytest-xdist."""
    base = base_folder(config)
    return Path(base.parent if is_worker(config) else base) / "ftcheck-runs"


def is_suite_id(arg: str) -> bool:
    """Whether an argument of the command line names tests of the suite, not a path that exists."""
    return arg.startswith(SUITE) and not Path(arg.split("::", maxsplit=1)[0]).exists()


def start_session(config: pytest.Config) -> FtcheckSession:
    """Make the session's state from the command line and the configuration file.

    Raises:
        FtcheckError: an option or the configuration file is wrong.

    """
    workers = getattr(config, "workerinput", {}).get("workercount") or len(config.getoption("tx", None) or []) or 1
    settings = make_settings(given_options(config), config.rootpath, int(workers))
    selected = tuple(arg for arg in config.args if is_suite_id(arg))
    own_task = _own_task(settings)
    named = [arg.removeprefix(SUITE).split("::")[0] for arg in selected]
    tasks = tuple(dict.fromkeys(named)) or settings.tasks or ((own_task,) if own_task else ())
    if settings.trainer and len(tasks) > 1:
        msg = f"--ftcheck-trainer={settings.trainer} goes with one task, not {', '.join(tasks)}."
        raise SettingsError(msg)
    session = FtcheckSession(replace(settings, tasks=tasks), selected, own_task=own_task)
    for task in tasks:
        if "trainer" not in session.table(task):  # calling it here would import torch before anything is shown
            session.card(task)
    config.stash[SESSION] = session
    return session


def choose_paths(config: pytest.Config, session: FtcheckSession) -> None:
    """Take the suite's node ids out of the command line; without any path only the suite runs."""
    given = config.args_source is pytest.Config.ArgsSource.ARGS
    session.alone = not given
    config.args[:] = [arg for arg in config.args if given and arg not in session.selected]


def own_tests_line(config: pytest.Config, session: FtcheckSession) -> list[str]:
    """Say that the project's own tests do not run, where it may have some."""
    root = config.rootpath
    has_some = config.getini("testpaths") or (root / "tests").is_dir() or any(root.glob("test_*.py"))
    if not session.alone or not has_some:
        return []
    return ["ftcheck: only the suite runs; give a path, such as tests/, to run the project's own tests as well"]


def _own_task(settings: Settings) -> str | None:
    """Name the task of a Trainer that is given without one."""
    if not settings.trainer or settings.tasks:
        return None
    from pytest_ftcheck.pipeline.factory import trainer_task_name  # noqa: PLC0415 - only this option needs it

    return trainer_task_name(settings.trainer)


def session_of(config: pytest.Config) -> FtcheckSession:
    """Return the session's state."""
    return config.stash[SESSION]


def check_everything(session: FtcheckSession, config: pytest.Config) -> None:
    """Build every selected task's parts before a test runs, so that bad input is a usage error at once.

    Raises:
        FtcheckError: something does not fit.

    """
    from pytest_ftcheck.gates.pipeline_slices import check_slices  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.judging.checks import FLOOR  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.plugin.gating import check_gates  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.plugin.parts import shared_model  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.training.launch import environment_of  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.training.recipe import training_arguments  # noqa: PLC0415 - slow to import

    store = session.open_store(config)
    for task in session.settings.tasks:
        pipeline = session.pipeline(task)
        environment = environment_of(session.settings, pipeline)
        check_slices(pipeline, session.settings.rootdir)
        judges = not session.settings.calibrate and not session.settings.measures
        if judges and any(check.id == FLOOR.id for check in session.checks):
            check_gates(session, pipeline)
        if pipeline.trainer is None:  # a user's has its arguments already
            training_arguments(pipeline, seed=0, device=environment["device"], output_dir=store.root)
        # Of a Trainer the second one, which a factory may not be able to make; the first tests take what is made here.
        shared_model(session, task, session.settings.seeds[0])


@dataclass(frozen=True)
class Variant:
    """What a test asks for: its task, engine and seed."""

    task: str
    engine: str
    seed: int


def marker_values(node: pytest.Item | pytest.Function) -> dict[str, Any]:
    """Merge the keywords of a test's ``ftcheck`` markers, the closest one first.

    Raises:
        TaskError: a marker is not written as ``ftcheck(task="mrpc", engine="manual", seed=0)``.

    """
    wanted: dict[str, Any] = {}
    for marker in node.iter_markers("ftcheck"):
        wrong = [*map(repr, marker.args), *sorted(set(marker.kwargs) - _MARKER_KINDS.keys())]
        wrong += [f"{name}={value!r}" for name, value in marker.kwargs.items() if not _is_kind(name, value)]
        if wrong:
            msg = (
                f"marker ftcheck of {node.name} takes the keywords task and engine (texts) and seed (a whole number), "
                f"not {', '.join(wrong)}. Write it as @pytest.mark.ftcheck(task='mrpc', engine='manual', seed=0)."
            )
            raise TaskError(msg)
        wanted = {**marker.kwargs, **wanted}
    return wanted


_MARKER_KINDS: dict[str, type] = {"task": str, "engine": str, "seed": int}


def _is_kind(name: str, value: object) -> bool:
    return isinstance(value, _MARKER_KINDS.get(name, object))


def variant_of(request: pytest.FixtureRequest, session: FtcheckSession) -> Variant:
    """Read task, engine and seed from the closest ``ftcheck`` markers, else from the settings.

    Raises:
        TaskError: no task, or more than one, to choose from.

    """
    wanted = marker_values(request.node)
    settings = session.settings
    tasks = settings.tasks or tuple(settings.task_tables)
    if "task" not in wanted and len(tasks) != 1:
        msg = (
            f"which task? {request.node.name} names none, and there are {len(tasks)} to choose from. "
            "Add @pytest.mark.ftcheck(task=…), or give one with --ftcheck-task."
        )
        raise TaskError(msg)
    return Variant(
        task=str(wanted.get("task", tasks[0] if tasks else "")),
        engine=str(wanted.get("engine", settings.engines[0])),
        seed=int(wanted.get("seed", settings.seeds[0])),
    )
