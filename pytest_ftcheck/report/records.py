"""Entries of the JSON document for checks, findings and causes, and the document of an unfinished session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.report.plain import LEFT_OUT_WHERE_NONE

SCHEMA: Literal[1] = 1
"""Version of the document format; an incompatible change increments it."""

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class UnfinishedDocument:
    """The document while the session runs. It stays after a session that crashed, which counts as failed."""

    schema: Literal[1] = SCHEMA
    """Version of the document format."""
    finished: Literal[False] = False
    """The session has not ended, or it crashed."""
    exit_status: None = None
    """None: pytest has not ended."""


@dataclass(frozen=True, kw_only=True)
class _OfTest:
    nodeid: str | None = field(default=None, metadata=LEFT_OUT_WHERE_NONE)
    """Node id of the test; left out where no single test reported it: over several seeds, and by ``judge``."""


@dataclass(frozen=True)
class FoundRecord(Finding, _OfTest):
    """A finding, with the test that reported it."""

    def __post_init__(self) -> None:
        """No-op: the strings of the finding are already escaped, and the node id must stay as pytest has it."""


@dataclass(frozen=True, kw_only=True)
class RedRecord(FoundRecord):
    """A finding that fails."""

    because_of: str | None
    """Failed check that probably explains it; null where there is none, or a test of the project reports it."""


def found_record(found: Finding) -> FoundRecord:
    """Make a record of a finding that no single test reported."""
    return FoundRecord(**vars(found))


def red_record(found: Finding, because_of: str | None) -> RedRecord:
    """Make a record of a finding and the id of the check that probably explains it, or None."""
    return RedRecord(**vars(found), because_of=because_of)


@dataclass(frozen=True, kw_only=True)
class SourceRecord:
    """A place in the user's code."""

    file: str
    """Path of the file, from the root folder of the project."""
    line: int
    """First line of the object, counted from 1."""
    name: str
    """Name of the function, class or method."""


@dataclass(frozen=True, kw_only=True)
class CauseRecord:
    """A failed check that no other failed check explains."""

    task: str
    """Task of the failed check."""
    finding: FoundRecord
    """The first finding of the check."""
    consequences: list[str]
    """Ids of the failed checks that it probably explains."""
    command: str | None = field(default=None, metadata=LEFT_OUT_WHERE_NONE)
    """Command that runs only this check again; left out where there is none, and by ``judge``."""
    source: SourceRecord | None = field(default=None, metadata=LEFT_OUT_WHERE_NONE)
    """Code of the user that the check is about; left out where it is about no code of the project."""


@dataclass(frozen=True, kw_only=True)
class CheckRecord:
    """A test of the suite."""

    nodeid: str
    """Node id of the test."""
    task: str
    """Name of the task."""
    check: str
    """Id of the check, see [the checks](checks.md)."""
    cost: Literal["free", "forward", "run", "extra-training", "fault", "bench"]
    """What a check needs; for other tests, their kind: a planted fault, or the speed of training steps."""
    engine: str | None
    """Null where the check reads only the parts."""
    seed: int | None
    """Null where the check reads only the parts."""
    metric: str | None = field(default=None, metadata=LEFT_OUT_WHERE_NONE)
    """Metric of the gate; left out where the check is no gate."""
    outcome: Outcome
    """Outcome in pytest."""
    reason: str | None
    """Why it was skipped; null where it was not."""
    seconds: float
    """Duration of the test, in seconds."""


@dataclass(frozen=True, kw_only=True)
class JudgedRecord:
    """A check that ``judge`` ran."""

    task: str
    """The judged task."""
    check: str
    """Id of the check, see [the checks](checks.md)."""
    engine: str
    """Engine of the run; the first engine where the check reads only the parts."""
    outcome: Outcome
    """Result of the check."""
    reason: str | None
    """Why it was skipped; null where it was not."""
