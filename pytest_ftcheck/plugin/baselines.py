"""The baseline of a session: what was accepted, what is compared with it, and what may be accepted next."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import CheckFailure, DataError
from pytest_ftcheck.gates.baseline_file import (
    FILE,
    FOLDER,
    Candidate,
    Entry,
    check_candidate,
    predictions_path,
    read_baseline,
    update_baseline,
)
from pytest_ftcheck.gates.paired import ComparedRun, flipped_rows
from pytest_ftcheck.gates.predictions_file import ACCEPT, KeptRows, pack, read_kept
from pytest_ftcheck.gates.provenance import (
    describe_origin,
    differences,
    evaluated_rows,
    identity_columns,
    incomparable_finding,
    missing_finding,
    not_comparable,
    row_ids,
)
from pytest_ftcheck.gates.tolerance import FEWEST_SEEDS, SeedStatistics
from pytest_ftcheck.report.baseline import flip_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ftcheck.gates.baseline_file import AcceptedSeed
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession
    from pytest_ftcheck.runs.run import Run


def accepted_run(session: FtcheckSession, pipeline: Pipeline, run: Run, *, gated: bool = True) -> ComparedRun | None:
    """Return the accepted run that a run is compared with, and note both for the end of the session.

    Call it for every run that is gated, whatever its limits are: what is not noted here cannot be accepted.

    Args:
        session: of this process.
        pipeline: that was trained.
        run: that came out.
        gated: a drop is limited, so that a run which cannot be compared is red; else it is only noted.

    Returns:
        The accepted run of this seed, else that of the first accepted seed; of another recipe, where this one has
        none. None where nothing was accepted, or where ``--ftcheck-update-baseline`` accepts what is there now.

    Raises:
        CheckFailure: ``metrics.baseline``: not comparable, or absent where ``--ftcheck-require-baseline`` is given.
        DataError: the files of the baseline were edited, truncated or removed.

    """
    if session.baselines is None:
        session.baselines = Baselines(session)
    try:
        return session.baselines.accepted(pipeline, run)
    except CheckFailure:
        if gated or session.settings.require_baseline:
            raise
        return None


class Baselines:
    """What one process knows of accepted runs.

    Attributes:
        candidates: runs that may become the baseline, by their entry's key and seed.
        comparisons: what the runs were compared with, in plain values, by the same.
        ran: keys that the runs have, or would have if they were accepted.

    """

    def __init__(self, session: FtcheckSession) -> None:
        """Read the accepted entries.

        Raises:
            DataError: the file was edited, or is not whole.

        """
        self._settings = session.settings
        self.folder = session.settings.rootdir / FOLDER
        self.entries = read_baseline(self.folder)
        self.candidates: dict[tuple[str, int], Candidate] = {}
        self.comparisons: dict[tuple[str, int], dict[str, Any]] = {}
        self.ran: set[str] = set()
        self._answers: dict[int, tuple[Run, ComparedRun | CheckFailure | None]] = {}
        """By the identity of the run, which is kept alive here: every metric asks again."""

    @property
    def _replaces(self) -> bool:
        """Whether this session accepts what it finds, whatever was accepted before."""
        return self._settings.update_baseline in {"all", "force"}

    def check_files(self, tasks: Iterable[str]) -> None:
        """Make sure that the predictions of some tasks are what was accepted, before anything trains.

        Raises:
            DataError: they were edited, truncated or removed.

        """
        for entry in self.entries.values():
            for seed in entry.runs if entry.task in tasks and not self._replaces else ():
                self._kept(entry, seed)

    def accepted(self, pipeline: Pipeline, run: Run) -> ComparedRun | None:
        """Return the accepted run; see `accepted_run`."""
        if id(run) not in self._answers:
            try:
                self._answers[id(run)] = run, self._answer(pipeline, run)
            except CheckFailure as failure:
                self._answers[id(run)] = run, failure
        answer = self._answers[id(run)][1]
        if isinstance(answer, CheckFailure):
            raise CheckFailure(answer.findings)
        return answer

    def _answer(self, pipeline: Pipeline, run: Run) -> ComparedRun | None:
        now = describe_origin(pipeline, run, self._settings.rootdir)
        compared = ComparedRun.of_run(run)
        self.ran.add(now.key)
        if self._settings.update_baseline:
            # The first one: a user's own test may judge a run with other hyperparameters later on.
            self.candidates.setdefault((now.key, run.seed), _candidate(now, pipeline, run, compared))
        entry = self.entries.get(now.key) or self._nearest(now)
        exact = entry is not None and entry.key == now.key
        if self._settings.require_baseline and not exact and not self._settings.update_baseline:
            raise CheckFailure([missing_finding(now, entry, pipeline.subject)])
        if entry is None:
            return None
        # What is accepted now is not held against what it takes the place of, nor against what it stands beside.
        if self._replaces or (self._settings.update_baseline == "new" and not exact):
            self._note_change(entry, now, pipeline, compared, run)
            return None
        return self._compare(entry, now, pipeline, compared, run)

    def _nearest(self, now: Entry) -> Entry | None:
        """Find what was accepted last with other hyperparameters: a recipe that got worse must not escape.

        Nor must another checkpoint, unless the command line chose it; but other data has a baseline of its own.
        """
        others = [
            entry
            for entry in self.entries.values()
            if (entry.task, entry.engine) == (now.task, now.engine)
            and (entry.checkpoint == now.checkpoint or not self._settings.model)
            and any(entry.data[key] == now.data[key] for key in ("source", "evaluation"))
        ]
        return max(others, key=lambda entry: (entry.place == now.place, entry.date, entry.key), default=None)

    def _compare(self, entry: Entry, now: Entry, pipeline: Pipeline, compared: ComparedRun, run: Run) -> ComparedRun:
        seed = run.seed if run.seed in entry.runs else min(entry.runs)
        kept = self._kept(entry, seed)
        why = not_comparable(entry, now, kept, evaluated_rows(pipeline, run))
        note = self._noted(entry, now, seed, run, not_comparable=why)
        if why:
            raise CheckFailure([incomparable_finding(entry, now, why, pipeline.subject)])
        accepted = entry.runs[seed]
        before = ComparedRun(accepted.metrics, kept.rows, _spreads(entry))
        try:
            flips = flipped_rows(kept.rows, compared.rows)
        except DataError as error:
            note["not_comparable"] = str(error)
            raise CheckFailure([incomparable_finding(entry, now, str(error), pipeline.subject)]) from error
        note["metrics"] = _both(accepted, compared, pipeline)
        note["flips"] = flip_records(flips, pipeline, evaluated_rows(pipeline, run))
        return before

    def _note_change(self, entry: Entry, now: Entry, pipeline: Pipeline, compared: ComparedRun, run: Run) -> None:
        """Note what an update changes; the old predictions may be what it mends."""
        seed = run.seed if run.seed in entry.runs else min(entry.runs)
        note = self._noted(entry, now, seed, run)
        note["metrics"] = _both(entry.runs[seed], compared, pipeline)

    def _noted(self, entry: Entry, now: Entry, seed: int, run: Run, *, not_comparable: str = "") -> dict[str, Any]:
        note = {
            "key": now.key,
            "accepted_key": entry.key,
            "task": now.task,
            "engine": now.engine,
            "seed": run.seed,
            "accepted_seed": seed,
            "accepted": entry.date,
            "why": entry.why,
            "differences": differences(entry, now),
            "not_comparable": not_comparable,
            "metrics": {},
            "flips": [],
        }
        self.comparisons.setdefault((now.key, run.seed), note)
        return note

    def _kept(self, entry: Entry, seed: int) -> KeptRows:
        path = predictions_path(self.folder, entry.runs[seed])
        kept = read_kept(path, entry.runs[seed].sha256, entry.head)
        if len(kept.ids) != entry.data["rows"] or len(kept.rows) != len(kept.ids):
            msg = (
                f"{self.folder / FILE}: entry {entry.key!r} has {entry.data['rows']} evaluated rows, and {path.name} "
                f"{len(kept.rows)}. {ACCEPT}"
            )
            raise DataError(msg)
        return kept

    def to_send(self) -> dict[str, Any]:
        """Return what another process must know, in plain values."""
        return {
            "candidates": [
                {**asdict(candidate), "entry": candidate.entry.to_record()} for candidate in self.candidates.values()
            ],
            "comparisons": list(self.comparisons.values()),
            "ran": sorted(self.ran),
        }

    def receive(self, sent: Mapping[str, Any]) -> None:
        """Take what a worker found."""
        for values in sent["candidates"]:
            candidate = Candidate(**{**values, "entry": Entry.from_record(values["entry"])})
            self.candidates.setdefault((candidate.entry.key, candidate.seed), candidate)
        self.ran |= set(sent["ran"])
        for note in sent["comparisons"]:
            self.comparisons.setdefault((note["key"], note["seed"]), note)

    def refusals(self) -> list[str]:
        """Say which runs cannot be accepted."""
        found = []
        for candidate in self.candidates.values():
            try:
                check_candidate(candidate)
            except DataError as error:
                found.append(str(error))
        return found

    def update(self) -> list[dict[str, Any]]:
        """Accept what ran; return what changed, in plain values.

        Raises:
            DataError: the files are not whole, or cannot be written.

        """
        changes = update_baseline(
            self.folder,
            [candidate for _, candidate in sorted(self.candidates.items(), key=lambda item: item[0])],
            date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
            why=self._settings.reason or "",
            only_missing=self._settings.update_baseline == "new",
        )
        return [
            {"key": change.after.key, "new": change.before is None, "seeds": sorted(change.after.runs)}
            for change in changes
        ]

    def unmatched(self) -> list[str]:
        """Keys of entries that nothing in this session is the run of, though their task and engine ran."""
        ran = {self._place(key) for key in self.ran}
        return sorted(key for key in self.entries.keys() - self.ran if self._place(key) in ran)

    def _place(self, key: str) -> str:
        """Task and engine of a key; with the checkpoint, where the command line chose one."""
        task, *checkpoint, engine, _ = key.split("/")
        return "/".join([task, *(checkpoint if self._settings.model else []), engine])


def _candidate(now: Entry, pipeline: Pipeline, run: Run, compared: ComparedRun) -> Candidate:
    ids = row_ids(evaluated_rows(pipeline, run), identity_columns(pipeline, run))
    missing = {name: math.nan for name in pipeline.card.metric.greater_is_better if name not in compared.metrics}
    metrics = {**compared.metrics, **missing}
    try:
        content = pack(KeptRows(compared.rows, ids))
    except DataError:
        # A worse model, not misuse: the checks say so, and what is empty here is refused at the end.
        metrics, content = {}, b""
    return Candidate(now, run.seed, metrics, content)


def _both(accepted: AcceptedSeed, compared: ComparedRun, pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """Return the value before and after of every metric that the card gates, and whether its drop is limited."""
    card = pipeline.card
    gates = card.gates(pipeline.tier, pipeline.checkpoint.name)
    names = [*card.metric.greater_is_better, *gates]
    return {
        name: {
            "before": accepted.metrics.get(name, math.nan),
            "after": compared.metrics.get(name, math.nan),
            "worse": (1 if card.greater_is_better(name) else -1)
            * (accepted.metrics.get(name, math.nan) - compared.metrics.get(name, math.nan)),
            "gated": name in gates and gates[name].max_drop is not None,
        }
        for name in dict.fromkeys(names)
    }


def _spreads(entry: Entry) -> dict[str, SeedStatistics]:
    """Take the spread over seeds from several accepted ones; of fewer, only a calibration knows it."""
    found = {}
    if len(entry.runs) >= FEWEST_SEEDS:
        for metric in next(iter(entry.runs.values())).metrics:
            values = np.array([run.metrics.get(metric, math.nan) for run in entry.runs.values()])
            if np.isfinite(values).all():
                found[metric] = SeedStatistics(float(values.mean()), float(values.std(ddof=1)), len(values))
    return found
