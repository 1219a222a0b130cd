"""The tests of a session in the Common Test Report Format (https://ctrf.io), with metrics and causes in ``extra``."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.report.plain import plain

if TYPE_CHECKING:
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.records import CheckRecord

_VERSION = "1.0.0"
"""Version of the specification."""
_NAMES = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/pytest-ftcheck/pytest-ftcheck")
"""Identifiers of tests are made of it and of their node ids, so that they are the same in every session."""


def ctrf(document: Document) -> dict[str, Any]:
    """Return the report as plain values for JSON; durations and times are in milliseconds."""
    start, stop = round(document.started * 1000), round((document.started + document.seconds) * 1000)
    outcomes = [case.outcome for case in document.checks]
    ours = document.versions.get("pytest-ftcheck")
    return {
        "reportFormat": "CTRF",
        "specVersion": _VERSION,
        "reportId": str(uuid.uuid5(_NAMES, f"{document.started} {' '.join(document.tasks)}")),
        "timestamp": datetime.fromtimestamp(document.started + document.seconds, UTC).isoformat(
            timespec="milliseconds"
        ),
        "generatedBy": "pytest-ftcheck",
        "results": {
            "tool": {"name": "pytest-ftcheck", **({"version": ours} if ours else {})},
            "summary": {
                "tests": len(outcomes),
                "passed": outcomes.count("passed"),
                "failed": outcomes.count("failed"),
                "skipped": outcomes.count("skipped"),
                "pending": 0,
                "other": 0,
                "start": start,
                "stop": stop,
                "duration": stop - start,
                "extra": {"exitStatus": document.exit_status, "idleTasks": document.idle_tasks},
            },
            "tests": [_test(case, document) for case in document.checks],
            "environment": {"testEnvironment": "pytest", "extra": {"versions": document.versions}},
            "extra": {"causes": plain(document.causes), "metrics": [_metric(gate) for gate in document.gates]},
        },
    }


def _test(case: CheckRecord, document: Document) -> dict[str, Any]:
    found = [entry for entry in document.findings if entry.nodeid == case.nodeid]
    labels = {"task": case.task, "check": case.check, "cost": case.cost, "engine": case.engine, "seed": case.seed}
    test: dict[str, Any] = {
        "id": str(uuid.uuid5(_NAMES, case.nodeid)),
        "name": case.nodeid,
        "status": case.outcome,
        "duration": round(case.seconds * 1000),
        "suite": ["ftcheck", case.task, case.check.partition(".")[0]],
        "rawStatus": case.outcome,
        "type": "model",
        "labels": {name: value for name, value in labels.items() if value is not None},
    }
    if case.reason:
        test["message"] = case.reason
    if found:
        test["message"] = f"{found[0].check}: expected {found[0].expected}, observed {found[0].observed}"
        test["trace"] = "\n\n".join(entry.describe() for entry in found)
        test["extra"] = {"becauseOf": sorted({entry.because_of for entry in found if entry.because_of})}
    return test


def _metric(gate: Any) -> dict[str, Any]:
    """Return the value of a gate with what names it."""
    names = ("task", "engine", "seed", "metric", "slice", "value", "interval", "floor", "status", "rows")
    return {name: plain(getattr(gate, name)) for name in names}
