"""The verdict on a session: judges the notes of all tests together, shows lines and writes the document."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.judging.causes import causes_of
from pytest_ftcheck.option_table import FLAGS
from pytest_ftcheck.report.records import found_record
from pytest_ftcheck.sessions.session import SUITE
from pytest_ftcheck.settings import REPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import GateRecord, SeedGateRecord
    from pytest_ftcheck.judging.calibration import Proposed
    from pytest_ftcheck.judging.causes import Causes
    from pytest_ftcheck.judging.collected_notes import CollectedNotes
    from pytest_ftcheck.report.baseline import BaselineRecord
    from pytest_ftcheck.report.calibrate import CalibrationRecord
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.records import CauseRecord, CheckRecord, FoundRecord
    from pytest_ftcheck.report.runs import RunRecord
    from pytest_ftcheck.report.view import View
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.settings import Settings


class SessionVerdict:
    """The results of a session.

    Attributes:
        more_notes: notes that come from no test.
        baseline: comparisons with accepted runs and updates, for the document.
        calibration: proposed limits for the card of each task.
        command: the command that started the session, for the document.
        lost: why files were not written, a line each; empty where they were written or not requested.

    """

    def __init__(self, session: FtcheckSession, collected: CollectedNotes, given: Sequence[str] = ()) -> None:
        """Take the notes of a session's tests.

        Args:
            session: the session.
            collected: notes of its tests, which come in until it ends.
            given: `Settings` fields of the options on the command line.

        """
        self._session = session
        self._collected = collected
        self._given = given
        self._started = time.time()
        self.more_notes: list[str] = []
        self.baseline: BaselineRecord | None = None
        self.calibration: list[CalibrationRecord] = []
        self.command = ""
        self.lost = ""

    @property
    def used(self) -> bool:
        """Whether any test of this session used the plugin."""
        return bool(self._session.settings.tasks or self._runs or self._collected.findings)

    @property
    def _runs(self) -> dict[str, RunRecord]:
        """Runs that tests used, by name."""
        runs: dict[str, RunRecord] = {}
        for name, run in self._collected.runs:
            # One test makes a run and others share it: it counts as reused only where no test made it.
            runs[name] = replace(run, reused=run.reused and runs.get(name, run).reused)
        return runs

    @property
    def _left_to(self) -> dict[str, str]:
        """By skipped test: the test that reports why there is no run."""
        return self._collected.values("left_to")

    @property
    def _notes(self) -> list[str]:
        of_tests = (note for notes in self._collected.values("notes").values() for note in notes)
        return list(dict.fromkeys([*of_tests, *self.more_notes]))

    @property
    def _warnings(self) -> list[FoundRecord]:
        """Findings that do not fail, of single tests and over several seeds."""
        red = self.red_over_seeds
        over_seeds = (found for row in self.over_seeds for found in row.findings if found not in red)
        return [*self._collected.warnings, *map(found_record, over_seeds)]

    @cached_property
    def causes(self) -> Causes:
        """Failed checks and their causes; use it after the last test."""
        return causes_of(self._collected)

    @cached_property
    def _causes_with_next_steps(self) -> list[CauseRecord]:
        """The causes, each with what to do next."""
        from pytest_ftcheck.judging.next_steps import with_next_steps  # noqa: PLC0415 - after start-up

        cases = self._collected.cases
        return [
            with_next_steps(cause, cases.get(cause.finding.nodeid or ""), self._session, self._given)
            for cause in self.causes.records()
        ]

    @cached_property
    def over_seeds(self) -> list[SeedGateRecord]:
        """The gates over several seeds; use it after the last test."""
        gates = self._collected.gates
        if not any(gate.informs for gate in gates):
            return []
        from pytest_ftcheck.judging.seeds import judge_together  # noqa: PLC0415 - slow to import

        made = {(*_origin(gate), gate.metric) for gate in gates}
        cases = [case for case in self._collected.cases.values() if case.check == "metrics.floor" and case.metric]
        lost = [
            case
            for case in cases
            if (case.outcome == "failed" or case.nodeid in self._left_to) and (*_origin(case), case.metric) not in made
        ]
        return judge_together(self._session, self._verdicts, lost)

    @property
    def red_over_seeds(self) -> list[Finding]:
        """Findings over several seeds that fail the session; the other ones are warnings."""
        return [found for row in self.over_seeds if self._is_red(row) for found in row.findings]

    def _is_red(self, row: SeedGateRecord) -> bool:
        return row.status == "fail" or (row.status == "inconclusive" and self._session.settings.strict)

    def cases_over_seeds(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield an entry for the JUnit report for each verdict over several seeds: node id, failure, values."""
        for row in self.over_seeds:
            names = [row.metric, row.slice, row.engine, f"mean of {len(row.values)} seeds"]
            name = "-".join(filter(None, names))
            red = CheckFailure(row.findings) if self._is_red(row) else ""
            limit = {} if row.floor is None else {f"{row.metric}_{row.limits.kind}": row.floor}
            values = {row.metric: row.value, **limit}
            yield f"{SUITE}{row.task}::test_metric_floor[{name}]", str(red), values

    def calibrate(self, *, usable: bool) -> Proposed:
        """Propose limits by the seeds of ``--ftcheck-calibrate``; use it after the last test.

        Args:
            usable: True if nothing failed in the session.

        """
        from pytest_ftcheck.judging.calibration import CALIBRATION, Calibration  # noqa: PLC0415 - only with this option

        seeds = list(self._collected.values(CALIBRATION).values())
        proposed = Calibration(self._session).propose(seeds, usable=usable)
        self.calibration = proposed.records()
        return proposed

    @property
    def _verdicts(self) -> list[GateRecord]:
        """The gates sorted by task, engine and seed; the order of the workers' reports has no effect."""
        settings, gates = self._session.settings, self._collected.gates
        made = {_origin(gate) for gate in gates if not gate.reused}
        return [
            replace(gate, reused=_origin(gate) not in made)
            for gate in sorted(gates, key=lambda gate: _place(gate, settings))
        ]

    def idle_tasks(self) -> list[str]:
        """Return the selected tasks for which no test ran."""
        ran = {case.task for case in self._collected.cases.values() if case.outcome != "skipped"}
        return [task for task in self._session.settings.tasks if task not in ran]

    @property
    def unreported(self) -> list[str]:
        """Tests that should have reported why there is no run, but did not fail."""
        failed = {nodeid for nodeid, case in self._collected.cases.items() if case.outcome == "failed"}
        return sorted(set(self._left_to.values()) - failed)

    def lines(self, idle: list[str], view: View) -> Iterator[str]:
        """Yield the lines of the summary.

        Args:
            idle: selected tasks for which no test ran.
            view: the terminal, or the log.

        """
        from pytest_ftcheck.report.session_summary import session_summary  # noqa: PLC0415 - imports rich

        yield from session_summary(
            self.document(0, idle),
            view,
            red_over_seeds=self.red_over_seeds,
            unreported=self.unreported,
            written=[] if self.lost else list(map(str, self.paths.values())),
        )

    def document(self, exit_status: int, idle: list[str]) -> Document:
        """Return all results, for ``--ftcheck-json``.

        Args:
            exit_status: exit status of the session.
            idle: selected tasks for which no test ran.

        """
        from pytest_ftcheck import __version__  # noqa: PLC0415 - the package imports this module
        from pytest_ftcheck.report.baseline import NoBaseline  # noqa: PLC0415 - after start-up
        from pytest_ftcheck.report.document import Document  # noqa: PLC0415 - as above
        from pytest_ftcheck.runs.environment import versions  # noqa: PLC0415 - as above

        settings = self._session.settings
        return Document(
            command=self.command,
            versions={"pytest-ftcheck": __version__, **versions()},
            started=self._started,
            seconds=time.time() - self._started,
            tasks=list(settings.tasks),
            engines=list(settings.engines),
            seeds=list(settings.seeds),
            exit_status=exit_status,
            idle_tasks=idle,
            gates=self._verdicts,
            seed_gates=self.over_seeds,
            warnings=self._warnings,
            runs=list(self._runs.values()),
            figures=self._collected.figures,
            checks=list(self._collected.cases.values()),
            findings=self.causes.findings(),
            causes=self._causes_with_next_steps,
            baseline=self.baseline or NoBaseline(),
            calibration=self.calibration,
            faults=self._collected.faults,
            notes=self._notes,
        )

    def write_reports(self, document: Document) -> bool:
        """Write the requested files; return False and set ``lost`` where one of them cannot be written."""
        paths = self.paths
        if not paths:
            return True
        from pytest_ftcheck.files import what_to_do, write_whole  # noqa: PLC0415 - only where asked for
        from pytest_ftcheck.report.forms import FORMS  # noqa: PLC0415 - as above

        for name, path in paths.items():
            try:
                write_whole(path, FORMS[name](document).encode())
            except OSError as error:
                todo = what_to_do(error, "Make it writable")
                lost = f"{FLAGS[name]}={path}: not written, {error.strerror or error}; the session fails. {todo}, or "
                self.lost = "\n".join(filter(None, (self.lost, f"{lost}give another file.")))
        return not self.lost

    @property
    def paths(self) -> dict[str, Path]:
        """The requested files, by the field of their option."""
        settings = self._session.settings
        return {name: path for name in REPORTS if (path := getattr(settings, name)) is not None}


def _origin(gate: GateRecord | CheckRecord) -> tuple[Any, ...]:
    """Return task, engine and seed of the run that a gate judges."""
    return gate.task, gate.engine, gate.seed


def _place(gate: GateRecord, settings: Settings) -> tuple[int, int, int]:
    """Return the sort key of a gate in reports; gates of only a user's own test come last."""
    of = ((settings.tasks, gate.task), (settings.engines, gate.engine), (settings.seeds, gate.seed))
    first, second, third = (known.index(name) if name in known else len(known) for known, name in of)
    return first, second, third
