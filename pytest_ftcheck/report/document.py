"""The JSON document: everything that a session found (``--ftcheck-json``), and what `judge` found.

Its JSON Schema and its page are made of these records, see `pytest_ftcheck.report.schema`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The fields of records are read at run time.
from pytest_ftcheck.faults.prove import FaultRecord  # noqa: TC001 - as above
from pytest_ftcheck.gates.records import GateRecord, SeedGateRecord  # noqa: TC001 - as above
from pytest_ftcheck.report.baseline import BaselineRecord, NoBaseline  # noqa: TC001 - as above
from pytest_ftcheck.report.calibrate import CalibrationRecord  # noqa: TC001 - as above
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
    """Everything that a session found, at its end."""

    schema: Literal[1] = SCHEMA
    """Version of the form of documents."""
    finished: Literal[True] = True
    """The session ended."""
    versions: dict[str, str]
    """Of Python and packages, by name."""
    tasks: list[str]
    """That were asked for."""
    engines: list[str]
    """That were asked for."""
    seeds: list[int]
    """That were asked for."""
    exit_status: int
    """pytest's exit code."""
    idle_tasks: list[str]
    """Selected tasks of which no test ran; the session fails where there is one."""
    gates: list[GateRecord]
    """One for each task, engine, seed, metric and slice."""
    seed_gates: list[SeedGateRecord]
    """With several seeds, one for each task, engine, metric and slice with a limit."""
    warnings: list[FoundRecord]
    """What passes and deserves a look: of gates that are inconclusive, and of checks that warn."""
    runs: list[RunRecord]
    """One for each run that a test looked at."""
    checks: list[CheckRecord]
    """One for each test of the suite."""
    findings: list[RedRecord]
    """What is red: causes stand before their consequences."""
    causes: list[CauseRecord]
    """The most likely one first."""
    baseline: BaselineRecord | NoBaseline
    """Of accepted runs."""
    calibration: list[CalibrationRecord]
    """One for each task."""
    faults: list[FaultRecord]
    """One for each planted fault ([--ftcheck-faults](faults.md)), task and engine."""
    notes: list[str]
    """What was mended on the way, for example a store entry that was not whole."""


@dataclass(frozen=True, kw_only=True)
class JudgedDocument:
    """What `judge` found, as ``Report.to_json`` returns it: without pytest, there are no tests, seeds and baselines."""

    schema: Literal[1] = SCHEMA
    """Version of the form of documents."""
    finished: Literal[True] = True
    """Always."""
    tasks: list[str]
    """The one that was judged."""
    ok: bool
    """Nothing failed."""
    gates: list[GateRecord]
    """One for each engine, metric and slice."""
    warnings: list[FoundRecord]
    """What passes and deserves a look."""
    checks: list[JudgedRecord]
    """One for each check and engine."""
    findings: list[RedRecord]
    """What failed: causes stand before their consequences."""
    causes: list[CauseRecord]
    """The most likely one first."""
