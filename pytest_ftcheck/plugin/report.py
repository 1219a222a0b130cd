"""What tests hand to the summary: notes on the item, carried by its report, also out of a worker."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import CheckFailure, FtcheckError

if TYPE_CHECKING:
    from pytest_ftcheck.gates.floors import Gate
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

NOTES = pytest.StashKey[dict[str, Any]]()


def notes_of(item: pytest.Item) -> dict[str, Any]:
    """Return the item's notes: plain values only, because they travel between processes."""
    return item.stash.setdefault(NOTES, {})


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
        "epochs": [dict(epoch) for epoch in run.epochs],
        "best_epoch": run.best_epoch,
        "recipe": {name: repr(value) for name, value in pipeline.args.items()},
        "timings": dict(run.timings),
        "environment": dict(run.environment),
        "reused": run.reused,
        "folder": str(run.folder),
    }


def note_gate(item: pytest.Item, verdict: Gate, *, reused: bool) -> None:
    """Note a gate's verdict, for the summary and as properties of the JUnit report."""
    row = {**asdict(verdict), "margin": verdict.margin, "status": verdict.status, "reused": reused}
    notes_of(item).setdefault("gates", []).append(row)
    item.user_properties.append((verdict.metric, verdict.value))
    if verdict.floor is not None:
        item.user_properties.append((f"{verdict.metric}_floor", verdict.floor))


def mark_report(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Word our own errors without a traceback, and let the report carry the item's notes."""
    error = call.excinfo.value if call.excinfo and _uses_fixtures(item) else None
    if isinstance(error, (FtcheckError, CheckFailure)):
        report.longrepr = str(error)
        report.ftcheck_misuse = isinstance(error, FtcheckError)  # type: ignore[attr-defined]  # reports carry extras
    if isinstance(error, CheckFailure):
        notes_of(item)["findings"] = [asdict(finding) for finding in error.findings]
    if report.when == "call" or report.failed or report.skipped:
        report.ftcheck = item.stash.get(NOTES, {})  # type: ignore[attr-defined]  # as above


def _uses_fixtures(item: pytest.Item) -> bool:
    """Whether a test is ours to word: others may raise our errors from our library, and keep their traceback."""
    return any(name.startswith("ft_") for name in getattr(item, "fixturenames", ()))
