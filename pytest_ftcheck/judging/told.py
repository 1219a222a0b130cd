"""What the tests of all processes told, by test: of one that ran again, the last time counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Told:
    """Notes of tests, collected in one process.

    Attributes:
        cases: of the suite's tests, by node id: what each is about, and its outcome.
        used: a test of the project took a fixture or a marker of ours.
        misused: a test of the suite could not be made: the tool is misused.

    """

    def __init__(self) -> None:
        self.cases: dict[str, dict[str, Any]] = {}
        self.used = False
        self.misused = False
        self._notes: dict[str, Mapping[str, Any]] = {}

    def take(self, nodeid: str, notes: Mapping[str, Any], *, outcome: str, reason: str | None, seconds: float) -> None:
        """Take what a test told, see `pytest_ftcheck.judging.notes.Notes`; an empty table takes nothing back."""
        if notes:
            self._notes[nodeid] = notes
        if "case" in notes:
            # The report of a teardown that failed comes after that of the call.
            self.cases[nodeid] = {
                "nodeid": nodeid,
                **notes["case"],
                "outcome": outcome,
                "reason": reason,
                "seconds": seconds,
            }

    def forget(self, nodeid: str) -> None:
        """Forget a test that runs again."""
        self._notes.pop(nodeid, None)
        self.cases.pop(nodeid, None)

    def told(self, name: str) -> list[dict[str, Any]]:
        """Collect the entries of a list that tests told."""
        return [entry for _, entry in self.told_by(name)]

    def told_by(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the entries of a list that tests told, each with the node id of its test."""
        for nodeid, notes in self._notes.items():
            for entry in notes.get(name, ()):
                yield nodeid, entry

    def values(self, name: str) -> dict[str, Any]:
        """Return a value that tests told, by node id."""
        return {nodeid: notes[name] for nodeid, notes in self._notes.items() if name in notes}
