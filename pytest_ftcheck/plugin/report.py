"""What tests hand to the summary: notes on the item, carried by its report, also out of a worker."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.gates.records import gate_record
from pytest_ftcheck.printable import printable, printable_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import GateOrigin
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

NOTES = pytest.StashKey[dict[str, Any]]()


def notes_of(item: pytest.Item) -> dict[str, Any]:
    """Return the item's notes: plain values only, because they travel between processes."""
    return item.stash.setdefault(NOTES, {})


def forget_notes(item: pytest.Item) -> None:
    """Start anew with the notes of a test that may run again: only what it is about stays."""
    item.stash[NOTES] = {name: value for name, value in notes_of(item).items() if name == "case"}


def case_of(item: pytest.Item) -> dict[str, Any]:
    """Say which check, engine and seed a test of the suite is about; nothing of any other test."""
    case: dict[str, Any] = notes_of(item).get("case", {})
    return case


def note_run(item: pytest.Item, run: Run, pipeline: Pipeline) -> None:
    """Note the run that a test looked at."""
    notes_of(item).setdefault("runs", {})[f"{run.task}/{run.engine}/{run.seed}/{run.folder.name}"] = {
        "task": run.task,
        "engine": run.engine,
        "seed": run.seed,
        "tier": pipeline.tier,
        "checkpoint": run.checkpoint,
        "parameters": pipeline.checkpoint.parameters,
        "data": pipeline.data.source,
        "synthetic": pipeline.data.synthetic,
        "evaluation_split": pipeline.data.evaluation_split,
        "train_rows": run.train_rows,
        "rows": len(run.label_ids),
        "logits_shape": list(run.logits.shape),
        "metrics": dict(run.metrics),
        "unjudged": {name: dict(values) for name, values in run.unjudged.items()},
        "epochs": [dict(epoch) for epoch in run.epochs],
        "best_epoch": run.best_epoch,
        "recipe": {name: repr(value) for name, value in pipeline.args.items()},
        "timings": dict(run.timings),
        "environment": dict(run.environment),
        "reused": run.reused,
        "folder": str(run.folder),
    }


def note_warnings(item: pytest.Item, findings: Iterable[Finding]) -> None:
    """Note what a test found and lets pass, for the summary and as properties of the JUnit report."""
    for found in findings:
        notes_of(item).setdefault("warnings", []).append(asdict(found))
        item.user_properties.append(
            ("warning", f"{found.subject}: expected {found.expected}, observed {found.observed}")
        )


def note_gates(
    item: pytest.Item,
    verdicts: Mapping[str, Verdict],
    origin: GateOrigin,
    *,
    informs: bool = False,
    failed: bool = False,
) -> None:
    """Note the verdicts on a metric, for the summary and as properties of the JUnit report.

    Args:
        item: the test that judges.
        verdicts: by the name of the slice; empty for all rows.
        origin: the run that was judged.
        informs: several seeds are judged together: this one alone decides nothing.
        failed: the run is degenerate.

    """
    for name, verdict in verdicts.items():
        row = asdict(gate_record(verdict, origin, name=name, informs=informs, failed=failed))
        limits = verdict.limits
        notes_of(item).setdefault("gates", []).append(row)
        shown = f"{verdict.metric}[{name}]" if name else verdict.metric
        item.user_properties.append((shown, verdict.value))
        if limits.limit is not None:
            item.user_properties.append((f"{shown}_{limits.kind}", limits.limit))


def mark_report(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Word our own errors without a traceback, and let the report carry the item's notes.

    A test of the suite that cannot be made is misuse of the whole session, one of the user fails alone.
    """
    if uses_ftcheck(item):
        report.user_properties = [(printable(name), value) for name, value in report.user_properties]
    report.ftcheck_used = is_own_use(item)  # type: ignore[attr-defined]  # reports carry extras
    error = call.excinfo.value if call.excinfo and uses_ftcheck(item) else None
    if isinstance(error, (FtcheckError, CheckFailure)):
        report.longrepr = str(error)
        report.ftcheck_misuse = isinstance(error, FtcheckError) and bool(case_of(item))  # type: ignore[attr-defined]  # as above
    if isinstance(error, CheckFailure):
        notes_of(item)["findings"] = [asdict(finding) for finding in error.findings]
    if case_of(item) and isinstance(report.longrepr, tuple):  # the reason of a skip, which may name data
        path, line, reason = report.longrepr
        report.longrepr = (path, line, printable(reason))
    if report.when == "call" or report.failed or report.skipped:
        report.ftcheck = printable_values(item.stash.get(NOTES, {}))  # type: ignore[attr-defined]  # as above


def uses_ftcheck(item: pytest.Item) -> bool:
    """Whether a test takes a fixture or a marker of ours: others may raise our errors, and keep their traceback."""
    marked = item.get_closest_marker("ftcheck_floor") is not None
    return marked or any(name.startswith("ft_") for name in getattr(item, "fixturenames", ()))


def is_own_use(item: pytest.Item) -> bool:
    """Whether a test of the project, none of the suite, takes a fixture or a marker of ours."""
    return uses_ftcheck(item) and not case_of(item)
