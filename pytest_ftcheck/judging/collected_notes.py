"""The notes of the tests of all processes, by test; of a test that ran again, the last attempt counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.report.plain import record_of
from pytest_ftcheck.report.records import CheckRecord, FoundRecord
from pytest_ftcheck.report.runs import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ftcheck.faults.prove import FaultRecord
    from pytest_ftcheck.gates.records import GateRecord
    from pytest_ftcheck.report.figures.records import RunFigures


class CollectedNotes:
    """Notes of tests, collected in one process.

    Attributes:
        cases: tests of the suite by node id, with their outcome.
        used: a test of the project used a fixture or a marker of this plugin.
        misused: a test of the suite raised an `FtcheckError`: the tool is misused.

    """

    def __init__(self) -> None:
        self.cases: dict[str, CheckRecord] = {}
        self.used = False
        self.misused = False
        self._notes: dict[str, Mapping[str, Any]] = {}

    def take(self, nodeid: str, notes: Mapping[str, Any], *, outcome: str, reason: str | None, seconds: float) -> None:
        """Store the notes of a test, see `pytest_ftcheck.judging.notes.Notes`; empty notes replace nothing."""
        if notes:
            self._notes[nodeid] = notes
        if "case" in notes:
            # The report of a failed teardown comes after the report of the call.
            case: dict[str, Any] = {**notes["case"], "outcome": outcome, "reason": reason, "seconds": seconds}
            self.cases[nodeid] = CheckRecord(nodeid=nodeid, **case)

    def forget(self, nodeid: str) -> None:
        """Remove the notes of a test that runs again."""
        self._notes.pop(nodeid, None)
        self.cases.pop(nodeid, None)

    @property
    def findings(self) -> list[FoundRecord]:
        """Findings that fail."""
        return self._found("findings")

    @property
    def warnings(self) -> list[FoundRecord]:
        """Findings that do not fail."""
        return self._found("warnings")

    def _found(self, name: str) -> list[FoundRecord]:
        return [FoundRecord(nodeid=nodeid, **found) for nodeid, found in self._by_test(name)]

    @property
    def gates(self) -> list[GateRecord]:
        """The verdicts on metrics of single runs."""
        entries = self.entries("gates")
        if not entries:
            return []
        from pytest_ftcheck.gates.records import GateRecord  # noqa: PLC0415 - slow to import

        return [record_of(GateRecord, gate) for gate in entries]

    @property
    def faults(self) -> list[FaultRecord]:
        """The proofs of planted faults."""
        entries = self.entries("faults")
        if not entries:
            return []
        from pytest_ftcheck.faults.prove import FaultRecord  # noqa: PLC0415 - slow to import

        return [record_of(FaultRecord, proof) for proof in entries]

    @property
    def figures(self) -> list[RunFigures]:
        """What the report page draws of the runs."""
        entries = self.entries("figures")
        if not entries:
            return []
        from pytest_ftcheck.report.figures.records import RunFigures  # noqa: PLC0415 - slow to import

        # Each process notes the figures of a run once.
        return [record_of(RunFigures, figures) for figures in {entry["folder"]: entry for entry in entries}.values()]

    @property
    def runs(self) -> Iterator[tuple[str, RunRecord]]:
        """The runs that tests used, each with its name, once for each test."""
        for runs in self.values("runs").values():
            for name, run in runs.items():
                yield name, record_of(RunRecord, run)

    def entries(self, name: str) -> list[dict[str, Any]]:
        """Collect the entries of a list in the notes of all tests, in plain values."""
        return [entry for _, entry in self._by_test(name)]

    def _by_test(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for nodeid, notes in self._notes.items():
            for entry in notes.get(name, ()):
                yield nodeid, entry

    def values(self, name: str) -> dict[str, Any]:
        """Return a value in the notes of the tests, by node id."""
        return {nodeid: notes[name] for nodeid, notes in self._notes.items() if name in notes}
