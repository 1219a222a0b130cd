"""``--ftcheck-calibrate``: train seeds of a healthy recipe, and propose the limits that later sessions keep to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import CheckFailure, FtcheckError, SettingsError
from pytest_ftcheck.plugin.junit import record_case
from pytest_ftcheck.plugin.report import note_run, notes_of
from pytest_ftcheck.plugin.reports import reports_of
from pytest_ftcheck.plugin.session import SUITE, session_of
from pytest_ftcheck.plugin.task_module import TaskModule
from pytest_ftcheck.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_ftcheck.gates.floors_file import CardLimits
    from pytest_ftcheck.gates.paired import ComparedRun
    from pytest_ftcheck.gates.proposals import CalibratedMetric, CalibratedSlice, CardProposal
    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant
    from pytest_ftcheck.settings import Settings

_NOTE = "calibration"


def check_calibration(settings: Settings) -> None:
    """Refuse what a calibration cannot answer.

    Raises:
        SettingsError: nothing would be trained, or with several engines.

    """
    if settings.no_train:  # of the configuration file
        msg = "--ftcheck-calibrate trains a healthy recipe: take no-train out of the configuration file."
        raise SettingsError(msg)
    if len(settings.engines) > 1:
        msg = "--ftcheck-calibrate trains with one engine: the limits of a card hold for all. Give --ftcheck-engine."
        raise SettingsError(msg)


def calibrate_items(session: pytest.Session, task: str) -> Iterator[pytest.Item]:
    """Collect a test per seed for a task."""
    for item, callspec in TaskModule.of_task(session, task, "calibrate").cases():
        engine, seed = callspec.params["ft_variant"]
        notes_of(item)["case"] = {
            "task": task,
            "check": _NOTE,
            "cost": "run",
            "engine": engine,
            "seed": seed,
        }
        yield item


def parametrize_seeds(metafunc: pytest.Metafunc) -> None:
    """Run the test once per seed."""
    settings = session_of(metafunc.config).settings
    variants = [(settings.engines[0], seed) for seed in settings.seeds]
    ids = [f"{engine}-seed{seed}" for engine, seed in variants]
    metafunc.parametrize("ft_variant", variants, ids=ids, indirect=True)


def measure_seed(request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, variant: Variant) -> None:
    """Train a seed and note its metrics; skip the test where the seed failed, which is part of the calibration."""
    from pytest_ftcheck.gates.card_gates import degenerate  # noqa: PLC0415 - only where a seed is trained
    from pytest_ftcheck.gates.paired import ComparedRun  # noqa: PLC0415 - as above
    from pytest_ftcheck.plugin.gating import slices_of  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.plugin.runs import obtain_run  # noqa: PLC0415 - slow to import

    masks = slices_of(session, pipeline)  # before anything trains: one that is not there is misuse
    note = {
        "task": variant.task,
        "seed": variant.seed,
        "metrics": {},
        "slices": {},
        "rows": len(pipeline.eval_dataset),
        "failed": "",
    }
    notes_of(request.node)[_NOTE] = note
    try:
        run = obtain_run(request.config, session, pipeline, engine=variant.engine, seed=variant.seed)
    except CheckFailure as failure:
        note["failed"] = failure.findings[0].observed
    else:
        note_run(request.node, run, pipeline)
        compared = ComparedRun.of_run(run)
        note["metrics"] = {name: float(value) for name, value in compared.metrics.items()}
        note["slices"] = _measured_slices(pipeline, compared, masks)
        if degenerate(compared.rows):
            note["failed"] = "it predicts the same for every row, or nothing that is finite"
    if note["failed"]:
        pytest.skip(f"seed {variant.seed} failed: {note['failed']}")


def _measured_slices(pipeline: Pipeline, run: ComparedRun, masks: Mapping[str, Masks]) -> dict[str, dict[str, Any]]:
    """Return value and rows of every slice that the card limits, by metric and name, in plain values."""
    from pytest_ftcheck.gates.card_gates import limited_slices  # noqa: PLC0415 - only where a seed is trained

    gates = pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name)
    return {
        metric: {score.name: [score.value, score.rows] for score in limited_slices(pipeline, run, metric, masks)}
        for metric, asked in gates.items()
        if asked.slices
    }


class CalibrateOutcome:
    """Collects the seeds of all processes; proposes limits, shows them, and writes them where that is asked for."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session
        self._lines: list[str] = []
        self._written = not session.settings.write_floors
        """Nothing is left to be written."""

    @pytest.hookimpl(tryfirst=True)  # before pytest writes its JUnit report
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Propose limits from what was measured; red where one is refused, or where they cannot be written."""
        usable = session.exitstatus == pytest.ExitCode.OK
        if session.config.getoption("collectonly"):
            return
        try:
            limits = self._limits(list(reports_of(session.config).values(_NOTE).values()))
            self._session.calibration[:] = [_record(entry) for entry in limits]
            self._lines = self._shown(limits, usable=usable)
        except FtcheckError as error:
            self._lines, limits = [f"NOTHING PROPOSED: {error}"], []
            record_case(session.config, f"{SUITE}calibration::limits", failure=self._lines[0])
        for entry in limits:
            for each in entry.proposals:
                record_case(session.config, f"{SUITE}{entry.task}::limits[{each.metric}]", failure=each.limit.refused)
        proposals = [each for entry in limits for each in entry.proposals]
        refused = not proposals or any(each.limit.limit is None for each in proposals)
        if usable and (refused or not self._written):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _limits(self, told: Sequence[Mapping[str, Any]]) -> list[CardLimits]:
        """Propose limits for all tasks."""
        from pytest_ftcheck.gates.floors_file import CardLimits  # noqa: PLC0415 - imports tomlkit
        from pytest_ftcheck.gates.proposals import propose_gates  # noqa: PLC0415 - imports scipy

        by_task = {task: [note for note in told if note["task"] == task] for task in self._session.settings.tasks}
        seeds = len(self._session.settings.seeds)
        if short := [task for task, notes in by_task.items() if len(notes) < seeds]:
            msg = f"not all of {seeds} seeds of {', '.join(short)} were trained: limits need them all."
            raise SettingsError(msg)
        measured = {task: self._measured(task, notes) for task, notes in by_task.items()}
        proposed = propose_gates(measured, runs=self._session.settings.calibrate_runs)
        return [self._card_limits(CardLimits, task, entries) for task, entries in proposed.items()]

    def _card_limits(self, make: type[CardLimits], task: str, entries: Sequence[CardProposal]) -> CardLimits:
        pipeline = self._session.pipeline(task)
        gates = pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name)
        slices = {metric: asked.slices for metric, asked in gates.items()}
        return make(task, pipeline.tier, pipeline.checkpoint.name, entries, slices)

    def _measured(self, task: str, notes: Sequence[Mapping[str, Any]]) -> list[CalibratedMetric]:
        """Put together what the seeds of a task say of each metric that its card gates."""
        from pytest_ftcheck.gates.proposals import CalibratedMetric  # noqa: PLC0415 - imports scipy
        from pytest_ftcheck.gates.trivial_limits import best_trivial_of  # noqa: PLC0415 - as above

        pipeline = self._session.pipeline(task)
        card, ordered = pipeline.card, sorted(notes, key=lambda note: note["seed"])
        gated = [*card.metric.greater_is_better, *card.gates(pipeline.tier, pipeline.checkpoint.name)]
        return [
            CalibratedMetric(
                metric=metric,
                values=[note["metrics"].get(metric, math.nan) for note in ordered],
                failed=[bool(note["failed"]) for note in ordered],
                rows=ordered[0]["rows"],
                greater_is_better=card.greater_is_better(metric),
                trivial=best_trivial_of(pipeline, metric),
                slices=_slices(metric, ordered),
            )
            for metric in dict.fromkeys(gated)
        ]

    def _shown(self, limits: Sequence[CardLimits], *, usable: bool) -> list[str]:
        """Say what is proposed, and write it where that is asked for."""
        from pytest_ftcheck.gates.floors_file import floors_path, floors_toml, write_floors  # noqa: PLC0415 - tomlkit
        from pytest_ftcheck.report.calibrate import proposal_lines  # noqa: PLC0415 - after start-up

        settings = self._session.settings
        path = floors_path(settings.rootdir)
        toml = floors_toml(limits, path)
        lines = proposal_lines(limits, toml, path.name)
        if not settings.write_floors:
            return lines
        if not toml:
            return [*lines, f"NOT WRITTEN: no limit is proposed, and {path.name} stays as it was."]
        if not usable:
            return [*lines, "NOT WRITTEN: the session failed."]
        try:
            write_floors(path, limits)
        except SettingsError as error:
            return [*lines, f"NOT WRITTEN: {error}"]
        self._written = True
        return [*lines, f"written to {path.name}"]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what is proposed, and the TOML."""
        if not self._lines:
            return
        terminalreporter.section("ftcheck: calibration", "=")
        for line in self._lines:
            terminalreporter.write_line(printable(line))


def _slices(metric: str, notes: Sequence[Mapping[str, Any]]) -> list[CalibratedSlice]:
    """Put together what the seeds say of a metric on the slices that are limited."""
    from pytest_ftcheck.gates.proposals import CalibratedSlice  # noqa: PLC0415 - imports scipy

    seeds = [note["slices"].get(metric, {}) for note in notes]
    rows = {name: count for seed in seeds for name, (_, count) in seed.items()}
    return [
        CalibratedSlice(name, [seed.get(name, [math.nan])[0] for seed in seeds], count) for name, count in rows.items()
    ]


def _record(limits: CardLimits) -> dict[str, Any]:
    """Put proposals into plain values, for the JSON document."""
    return {
        "task": limits.task,
        "tier": limits.tier,
        "checkpoint": limits.checkpoint,
        "limits": limits.tables,
        "refused": {
            **{entry.metric: entry.limit.refused for entry in limits.proposals if entry.limit.limit is None},
            **{
                f"{entry.metric}, {part.name}": part.limit.refused
                for entry in limits.proposals
                for part in entry.slices
                if part.limit.limit is None
            },
        },
        "notes": [line for entry in limits.proposals for line in entry.describe()],
    }
