"""Entries of the JSON document that tell what checks found and because of what; its head, until the session ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.report.plain import LEFT_OUT_WHERE_NONE

SCHEMA: Literal[1] = 1
"""A change that breaks a reader raises it."""

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class UnfinishedDocument:
    """What stands in the document's place while the session runs, and after a session that died: it failed."""

    schema: Literal[1] = SCHEMA
    """Version of the form of documents."""
    finished: Literal[False] = False
    """The session has not ended, or died."""
    exit_status: None = None
    """None: pytest has not ended."""


@dataclass(frozen=True, kw_only=True)
class _OfTest:
    nodeid: str | None = field(default=None, metadata=LEFT_OUT_WHERE_NONE)
    """Of the test; left out where no single test told it: over several seeds, and by ``judge``."""


@dataclass(frozen=True)
class FoundRecord(Finding, _OfTest):
    """A finding, with the test that told it."""

    def __post_init__(self) -> None:
        """Leave the texts: those of the finding are escaped, and the node id must stay as pytest has it."""


@dataclass(frozen=True, kw_only=True)
class RedRecord(FoundRecord):
    """A finding that is red."""

    because_of: str | None
    """The red check that probably explains it; null where none does, and where a test of the project tells it."""


def found_record(found: Finding) -> FoundRecord:
    """Make a record of a finding that no single test told."""
    return FoundRecord(**vars(found))


def red_record(found: Finding, because_of: str | None) -> RedRecord:
    """Say of a finding what probably explains it; of None, nothing does."""
    return RedRecord(**vars(found), because_of=because_of)


@dataclass(frozen=True, kw_only=True)
class CauseRecord:
    """A red check that no other one explains."""

    task: str
    """Whose tests are red."""
    finding: FoundRecord
    """Its first one."""
    consequences: list[str]
    """Ids of the red checks that it probably explains."""


@dataclass(frozen=True, kw_only=True)
class CheckRecord:
    """A test of the suite."""

    nodeid: str
    """Of the test."""
    task: str
    """Name of the task."""
    check: str
    """Its id, see [the checks](checks.md)."""
    cost: Literal["free", "forward", "run", "extra-training", "fault", "bench"]
    """Of a check, what it needs; else what the test is about: a planted fault, or the speed of training steps."""
    engine: str | None
    """Null where only parts are looked at."""
    seed: int | None
    """Null where only parts are looked at."""
    metric: str | None = field(default=None, metadata=LEFT_OUT_WHERE_NONE)
    """That the gate judges; left out where the check is no gate."""
    outcome: Outcome
    """What pytest says of it."""
    reason: str | None
    """Why it was skipped."""
    seconds: float
    """That the test took."""


@dataclass(frozen=True, kw_only=True)
class JudgedRecord:
    """A check that ``judge`` asked."""

    task: str
    """The one that was judged."""
    check: str
    """Its id, see [the checks](checks.md)."""
    engine: str
    """That trains; of the first one, what looks at the parts."""
    outcome: Outcome
    """What the check said."""
    reason: str | None
    """Why it was skipped."""
