"""The baseline of a session: accepted runs, comparisons with them, and runs that may be accepted next."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import CheckFailure, DataError
from pytest_ftcheck.files import remove_leftovers
from pytest_ftcheck.gates.accepted_runs import before_and_after, candidate_of, kept_rows, seed_spreads
from pytest_ftcheck.gates.baseline_file import (
    FOLDER,
    PREDICTIONS,
    Candidate,
    Entry,
    check_candidate,
    read_baseline,
    update_baseline,
)
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.flips import flipped_rows
from pytest_ftcheck.gates.provenance import (
    another_subject,
    describe_origin,
    differences,
    evaluated_rows,
    incomparable_finding,
    missing_finding,
    nearest_entry,
    not_comparable,
)
from pytest_ftcheck.report.baseline import AcceptedRecord, ComparisonRecord, flip_records
from pytest_ftcheck.report.plain import plain, record_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.settings import Settings


class Baselines:
    """The records of one process on accepted runs.

    Attributes:
        candidates: runs that may become the baseline, by the key of their entry and seed.
        comparisons: comparisons of runs with accepted runs, by the key of the run's entry and seed.
        ran: entries that describe the runs of this session, by their keys.

    """

    def __init__(self, settings: Settings) -> None:
        """Read the accepted entries.

        Raises:
            DataError: the file was edited, or is incomplete.

        """
        self._settings = settings
        self.folder = settings.rootdir / FOLDER
        # In the folders of the baseline, and in the root folder, which gets limits and the JSON document.
        remove_leftovers(self.folder, self.folder / PREDICTIONS, settings.rootdir)
        self.entries = read_baseline(self.folder)
        self.candidates: dict[tuple[str, int], Candidate] = {}
        self.comparisons: dict[tuple[str, int], ComparisonRecord] = {}
        self.ran: dict[str, Entry] = {}
        self._answers: dict[int, tuple[Run, ComparedRun | CheckFailure | None]] = {}
        """Results of `accepted` by the identity of the run, which is kept alive here: each metric calls it again."""

    @property
    def _replaces(self) -> bool:
        """Whether this session replaces the accepted runs by its own."""
        return self._settings.update_baseline in {"all", "force"}

    def check_files(self, tasks: Iterable[str]) -> None:
        """Verify the stored predictions of some tasks before any training.

        Raises:
            DataError: predictions were edited, truncated or removed.

        """
        for entry in self.entries.values():
            for seed in entry.runs if entry.task in tasks and not self._replaces else ():
                kept_rows(self.folder, entry, seed)

    def accepted(self, pipeline: Pipeline, run: Run, *, gated: bool = True) -> ComparedRun | None:
        """Return the accepted run that a run is compared with; note both for the end of the session.

        Call this for every run with gates, with any limits: only runs that are noted here can be accepted.

        Args:
            pipeline: pipeline of the run.
            run: the run.
            gated: True if a drop is limited: a run that cannot be compared fails; False: it is only noted.

        Returns:
            The accepted run of this seed, else of the first accepted seed; of another recipe, if this recipe has no
            entry. None where nothing was accepted, or where ``--ftcheck-update-baseline`` replaces the accepted run.

        Raises:
            CheckFailure: ``metrics.baseline``: not comparable, or absent where ``--ftcheck-require-baseline`` is given.
            DataError: the files of the baseline were edited, truncated or removed.

        """
        if id(run) not in self._answers:
            try:
                self._answers[id(run)] = run, self._answer(pipeline, run)
            except CheckFailure as failure:
                self._answers[id(run)] = run, failure
        answer = self._answers[id(run)][1]
        if not isinstance(answer, CheckFailure):
            return answer
        if gated or self._settings.require_baseline:
            raise CheckFailure(answer.findings)
        return None

    def _answer(self, pipeline: Pipeline, run: Run) -> ComparedRun | None:
        now = describe_origin(pipeline, run, self._settings.rootdir)
        compared = ComparedRun.of_run(run, own=pipeline.card.own_metrics)
        self.ran.setdefault(now.key, now)
        if self._settings.update_baseline:
            # Keep the first candidate: a user's own test may judge a run with other hyperparameters later.
            self.candidates.setdefault((now.key, run.seed), candidate_of(now, pipeline, run, compared))
        entry = self.entries.get(now.key) or nearest_entry(
            self.entries.values(), now, any_checkpoint=not self._settings.model
        )
        exact = entry is not None and entry.key == now.key
        if self._settings.require_baseline and not exact and not self._settings.update_baseline:
            raise CheckFailure([missing_finding(now, entry, pipeline.subject)])
        if entry is None:
            return None
        # A run that will be accepted is not judged by the entry that it replaces, nor by the nearest other entry.
        if self._replaces or (self._settings.update_baseline == "new" and not exact):
            self._note_change(entry, now, pipeline, compared, run)
            return None
        return self._compare(entry, now, pipeline, compared, run)

    def _compare(self, entry: Entry, now: Entry, pipeline: Pipeline, compared: ComparedRun, run: Run) -> ComparedRun:
        seed = run.seed if run.seed in entry.runs else min(entry.runs)
        kept = kept_rows(self.folder, entry, seed)
        why = not_comparable(entry, now, kept, evaluated_rows(pipeline, run))
        note = _compared_with(entry, now, seed, run)
        if why:
            self._note(replace(note, not_comparable=why))
            raise CheckFailure([incomparable_finding(entry, now, why, pipeline.subject)])
        accepted = entry.runs[seed]
        before = ComparedRun(accepted.metrics, kept.rows, seed_spreads(entry))
        try:
            flips = flipped_rows(kept.rows, compared.rows)
        except DataError as error:
            self._note(replace(note, not_comparable=str(error)))
            raise CheckFailure([incomparable_finding(entry, now, str(error), pipeline.subject)]) from error
        metrics = before_and_after(accepted, compared, pipeline)
        named = flip_records(flips, pipeline, evaluated_rows(pipeline, run))
        self._note(replace(note, metrics=metrics, flips=named))
        return before

    def _note_change(self, entry: Entry, now: Entry, pipeline: Pipeline, compared: ComparedRun, run: Run) -> None:
        """Note the change of an update, without the old predictions: they may be the damage that the update repairs."""
        seed = run.seed if run.seed in entry.runs else min(entry.runs)
        metrics = before_and_after(entry.runs[seed], compared, pipeline)
        self._note(replace(_compared_with(entry, now, seed, run), metrics=metrics))

    def _note(self, note: ComparisonRecord) -> None:
        self.comparisons.setdefault((note.key, note.seed), note)

    def to_send(self) -> dict[str, Any]:
        """Return the records for another process, in plain values."""
        return {
            "candidates": [
                {**asdict(candidate), "entry": candidate.entry.to_record()} for candidate in self.candidates.values()
            ],
            "comparisons": plain(list(self.comparisons.values())),
            "ran": [entry.to_record() for entry in self.ran.values()],
        }

    def receive(self, sent: Mapping[str, Any]) -> None:
        """Add the records of a worker."""
        for values in sent["candidates"]:
            candidate = Candidate(**{**values, "entry": Entry.from_record(values["entry"])})
            self.candidates.setdefault((candidate.entry.key, candidate.seed), candidate)
        for record in sent["ran"]:
            entry = Entry.from_record(record)
            self.ran.setdefault(entry.key, entry)
        for values in sent["comparisons"]:
            self._note(record_of(ComparisonRecord, values))

    def refusals(self) -> list[str]:
        """Return the reasons why runs cannot be accepted."""
        found = []
        for candidate in self.candidates.values():
            try:
                check_candidate(candidate)
            except DataError as error:
                found.append(str(error))
                continue
            accepted = self.entries.get(candidate.entry.key)
            another = "" if accepted is None else another_subject(accepted, candidate.entry)
            if another and self._settings.update_baseline == "all":
                found.append(
                    f"{candidate.entry.key}, seed {candidate.seed}: {another}: the accepted baseline would be lost. "
                    "Give the task another name, or --ftcheck-update-baseline=force if the change is intended."
                )
        return found

    def update(self) -> list[AcceptedRecord]:
        """Accept the runs; return the changed entries.

        Raises:
            DataError: the files are incomplete, or cannot be written.

        """
        changes = update_baseline(
            self.folder,
            [candidate for _, candidate in sorted(self.candidates.items(), key=lambda item: item[0])],
            date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
            why=self._settings.reason or "",
            only_missing=self._settings.update_baseline == "new",
        )
        return [
            AcceptedRecord(key=change.after.key, new=change.before is None, seeds=sorted(change.after.runs))
            for change in changes
        ]

    def unmatched(self) -> list[str]:
        """Return the keys of entries that match no run of this session, although their task and engine ran.

        A checkpoint or data set from the command line does not replace the one of the card. A data set with an entry of
        its own does not replace another accepted data set.
        """
        known = {(entry.task, entry.engine, entry.source) for entry in self.entries.values()}
        left = {key: entry for key, entry in self.entries.items() if key not in self.ran}
        return sorted(
            key for key, entry in left.items() if any(self._replaced(entry, now, known) for now in self.ran.values())
        )

    def _replaced(self, entry: Entry, now: Entry, known: Container[tuple[str, str, str]]) -> bool:
        """Whether a run of this session replaces the run of an accepted entry."""
        beside = self._settings.data or (now.task, now.engine, now.source) in known
        return (
            (entry.task, entry.engine) == (now.task, now.engine)
            and (entry.checkpoint == now.checkpoint or not self._settings.model)
            and (entry.source == now.source or not beside)
        )


def _compared_with(entry: Entry, now: Entry, seed: int, run: Run) -> ComparisonRecord:
    """Name a run and the accepted seed that it is compared with."""
    return ComparisonRecord(
        key=now.key,
        accepted_key=entry.key,
        task=now.task,
        engine=now.engine,
        seed=run.seed,
        accepted_seed=seed,
        accepted=entry.date,
        why=entry.why,
        differences=differences(entry, now),
        not_comparable="",
    )
