"""The JSON document: all results of a session (``--ftcheck-json``), and all results of `judge`.

`pytest_ftcheck.report.schema` generates the JSON Schema and the page in the documentation from these records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The fields of records are read at run time.
from pytest_ftcheck.faults.prove import FaultRecord  # noqa: TC001 - as above
from pytest_ftcheck.gates.records import GateRecord, SeedGateRecord  # noqa: TC001 - as above
from pytest_ftcheck.report.baseline import BaselineRecord, NoBaseline  # noqa: TC001 - as above
from pytest_ftcheck.report.calibrate import CalibrationRecord  # noqa: TC001 - as above
from pytest_ftcheck.report.figures.records import RunFigures  # noqa: TC001 - as above
from pytest_ftcheck.report.records import (
    SCHEMA,
    CauseRecord,
    CheckRecord,
    FoundRecord,
    JudgedRecord,
    RedRecord,
)
from pytest_ftcheck.report.runs import RunRecord  # noqa: TC001 - as above


@dataclass(frozen=True, kw_only=True)
class Document:
    """All results of a session, written at its end."""

    schema: Literal[1] = SCHEMA
    """Version of the document format."""
    finished: Literal[True] = True
    """The session ended."""
    command: str
    """The command that started the session."""
    versions: dict[str, str]
    """Versions of Python and packages, by name."""
    started: float
    """Begin of the session, in seconds since 1970-01-01 UTC."""
    seconds: float
    """Duration of the session, in seconds."""
    tasks: list[str]
    """The requested tasks."""
    engines: list[str]
    """The requested engines."""
    seeds: list[int]
    """The requested seeds."""
    exit_status: int
    """pytest's exit code."""
    idle_tasks: list[str]
    """Selected tasks for which no test ran; the session fails if there is one."""
    gates: list[GateRecord]
    """One for each task, engine, seed, metric and slice."""
    seed_gates: list[SeedGateRecord]
    """With several seeds, one for each task, engine, metric and slice with a limit."""
    warnings: list[FoundRecord]
    """Findings that do not fail: of inconclusive gates, and of checks that warn."""
    runs: list[RunRecord]
    """One for each run that a test used."""
    figures: list[RunFigures]
    """One for each run of the suite, and of ``ft_run``."""
    checks: list[CheckRecord]
    """One for each test of the suite."""
    findings: list[RedRecord]
    """Findings that fail; causes come before their consequences."""
    causes: list[CauseRecord]
    """The most likely one first."""
    baseline: BaselineRecord | NoBaseline
    """Comparison with accepted runs, and updates."""
    calibration: list[CalibrationRecord]
    """One for each task."""
    faults: list[FaultRecord]
    """One for each planted fault ([--ftcheck-faults](faults.md)), task and engine."""
    notes: list[str]
    """Problems that the session repaired, for example an incomplete store entry."""


@dataclass(frozen=True, kw_only=True)
class JudgedDocument:
    """All results of `judge`, from ``Report.to_json``: without pytest there are no tests, seeds and baselines."""

    schema: Literal[1] = SCHEMA
    """Version of the document format."""
    finished: Literal[True] = True
    """Always true."""
    tasks: list[str]
    """The judged task."""
    ok: bool
    """True if nothing failed."""
    gates: list[GateRecord]
    """One for each engine, metric and slice."""
    warnings: list[FoundRecord]
    """Findings that do not fail."""
    checks: list[JudgedRecord]
    """One for each check and engine."""
    findings: list[RedRecord]
    """Findings that fail; causes come before their consequences."""
    causes: list[CauseRecord]
    """The most likely one first."""
