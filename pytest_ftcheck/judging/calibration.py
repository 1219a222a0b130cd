"""``--ftcheck-calibrate``: measures seeds of a healthy recipe, and proposes limits from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import CheckFailure, FtcheckError, SettingsError
from pytest_ftcheck.sessions.session import SUITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_ftcheck.gates.compared_run import ComparedRun
    from pytest_ftcheck.gates.floors_file import CardLimits
    from pytest_ftcheck.gates.proposals import CalibratedMetric, CalibratedSlice, CardProposal
    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.judging.notes import Notes
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.report.calibrate import CalibrationRecord
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant
    from pytest_ftcheck.settings import Settings

CALIBRATION = "calibration"
"""Key of a seed's measurements in the notes of its test."""


def check_calibration(settings: Settings) -> None:
    """Refuse settings that a calibration cannot use.

    Raises:
        SettingsError: training is switched off, or there are several engines.

    """
    if settings.no_train:  # from the configuration file
        msg = "--ftcheck-calibrate trains a healthy recipe: remove no-train from the configuration file."
        raise SettingsError(msg)
    if len(settings.engines) > 1:
        msg = "--ftcheck-calibrate trains with one engine: the limits of a card hold for all. Give --ftcheck-engine."
        raise SettingsError(msg)


def measure_seed(session: FtcheckSession, pipeline: Pipeline, variant: Variant, notes: Notes) -> str:
    """Train a seed and note its metrics.

    Args:
        session: makes the run.
        pipeline: the pipeline to train.
        variant: engine and seed.
        notes: notes of the test.

    Returns:
        Why the seed failed, which is part of the calibration; empty where it did not fail.

    """
    from pytest_ftcheck.gates.card_gates import degenerate  # noqa: PLC0415 - only where a seed is trained
    from pytest_ftcheck.gates.compared_run import ComparedRun  # noqa: PLC0415 - as above

    masks = session.parts.masks(pipeline)  # before any training: a missing slice is misuse
    note: dict[str, Any] = {
        "task": variant.task,
        "seed": variant.seed,
        "metrics": {},
        "slices": {},
        "rows": len(pipeline.eval_dataset),
        "failed": "",
    }
    notes.values[CALIBRATION] = note
    try:
        run = session.runs.run(pipeline, engine=variant.engine, seed=variant.seed)
    except CheckFailure as failure:
        note["failed"] = failure.findings[0].observed
    else:
        notes.run(run, pipeline)
        compared = ComparedRun.of_run(run, own=pipeline.card.own_metrics)
        note["metrics"] = {name: float(value) for name, value in compared.metrics.items()}
        note["slices"] = _measured_slices(pipeline, compared, masks)
        if degenerate(compared.rows):
            note["failed"] = "it predicts the same value for every row, or no finite value"
    return str(note["failed"])


def _measured_slices(pipeline: Pipeline, run: ComparedRun, masks: Mapping[str, Masks]) -> dict[str, dict[str, Any]]:
    """Return value and rows of every slice that the card limits, by metric and name, in plain values."""
    from pytest_ftcheck.gates.card_gates import limited_slices  # noqa: PLC0415 - only where a seed is trained

    gates = pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name)
    return {
        metric: {score.name: [score.value, score.rows] for score in limited_slices(pipeline, run, metric, masks)}
        for metric, metric_limits in gates.items()
        if metric_limits.slices
    }


@dataclass(frozen=True)
class Proposed:
    """Limits of a session's tasks, and the lines that describe them."""

    limits: Sequence[CardLimits]
    lines: Sequence[str]
    written: bool
    """Everything that had to be written is written."""
    failure: str = ""
    """Why the proposals are not valid; empty where they are."""

    @property
    def complete(self) -> bool:
        """Whether every limit is proposed, and written if that was requested."""
        proposals = [each for entry in self.limits for each in entry.proposals]
        known = not self.failure and bool(proposals) and all(each.limit.limit is not None for each in proposals)
        return known and self.written

    def records(self) -> list[CalibrationRecord]:
        """Put the limits into entries of the JSON document."""
        from pytest_ftcheck.report.calibrate import calibration_record  # noqa: PLC0415 - after start-up

        return [calibration_record(entry) for entry in self.limits]

    def cases(self) -> Iterator[tuple[str, str]]:
        """Yield an entry for the JUnit report for each limit: node id, and why the limit is refused."""
        if self.failure:
            yield f"{SUITE}calibration::limits", self.failure
            return
        for entry in self.limits:
            for each in entry.proposals:
                yield f"{SUITE}{entry.task}::limits[{each.metric}]", each.limit.refused


class Calibration:
    """Proposes the limits of a session's tasks from the measurements of its seeds."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session

    def propose(self, seed_notes: Sequence[Mapping[str, Any]], *, usable: bool) -> Proposed:
        """Propose limits, and write them if that was requested.

        Args:
            seed_notes: the notes of `measure_seed`, of all seeds.
            usable: True if nothing failed in the session.

        """
        limits: list[CardLimits] = []
        write = self._session.settings.write_floors
        try:
            limits = self._limits(seed_notes)
            lines, written = self._shown(limits, usable=usable)
        except FtcheckError as error:
            failure = f"NOTHING PROPOSED: {error}"
            return Proposed(limits, [failure], not write, failure)
        return Proposed(limits, lines, written or not write)

    def _limits(self, seed_notes: Sequence[Mapping[str, Any]]) -> list[CardLimits]:
        """Propose limits for all tasks."""
        from pytest_ftcheck.gates.floors_file import CardLimits  # noqa: PLC0415 - imports tomlkit
        from pytest_ftcheck.gates.proposals import propose_gates  # noqa: PLC0415 - imports scipy

        by_task = {task: [note for note in seed_notes if note["task"] == task] for task in self._session.settings.tasks}
        seeds = len(self._session.settings.seeds)
        if short := [task for task, notes in by_task.items() if len(notes) < seeds]:
            msg = f"not all of the {seeds} seeds of {', '.join(short)} were trained: limits need all seeds."
            raise SettingsError(msg)
        measured = {task: self._measured(task, notes) for task, notes in by_task.items()}
        proposed = propose_gates(measured, runs=self._session.settings.calibrate_runs)
        return [self._card_limits(CardLimits, task, entries) for task, entries in proposed.items()]

    def _card_limits(self, make: type[CardLimits], task: str, entries: Sequence[CardProposal]) -> CardLimits:
        pipeline = self._session.pipeline(task)
        gates = pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name)
        slices = {metric: metric_limits.slices for metric, metric_limits in gates.items()}
        return make(task, pipeline.tier, pipeline.checkpoint.name, entries, slices)

    def _measured(self, task: str, notes: Sequence[Mapping[str, Any]]) -> list[CalibratedMetric]:
        """Collect the values of a task's seeds for each metric that its card gates."""
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

    def _shown(self, limits: Sequence[CardLimits], *, usable: bool) -> tuple[list[str], bool]:
        """Return the lines of the proposal, and whether it was written; write it if that was requested."""
        from pytest_ftcheck.gates.floors_file import floors_path, floors_toml, write_floors  # noqa: PLC0415 - tomlkit
        from pytest_ftcheck.report.calibrate import proposal_lines  # noqa: PLC0415 - after start-up

        settings = self._session.settings
        path = floors_path(settings.rootdir)
        toml = floors_toml(limits, path)
        lines = proposal_lines(limits, toml, path.name)
        if not settings.write_floors:
            return lines, False
        if not toml:
            return [*lines, f"NOT WRITTEN: no limit is proposed; {path.name} stays unchanged."], False
        if not usable:
            return [*lines, "NOT WRITTEN: the session failed."], False
        try:
            write_floors(path, limits)
        except SettingsError as error:
            return [*lines, f"NOT WRITTEN: {error}"], False
        return [*lines, f"written to {path.name}"], True


def _slices(metric: str, notes: Sequence[Mapping[str, Any]]) -> list[CalibratedSlice]:
    """Collect the values of the seeds for a metric on the slices that have limits."""
    from pytest_ftcheck.gates.proposals import CalibratedSlice  # noqa: PLC0415 - imports scipy

    seeds = [note["slices"].get(metric, {}) for note in notes]
    rows = {name: count for seed in seeds for name, (_, count) in seed.items()}
    return [
        CalibratedSlice(name, [seed.get(name, [math.nan])[0] for seed in seeds], count) for name, count in rows.items()
    ]
