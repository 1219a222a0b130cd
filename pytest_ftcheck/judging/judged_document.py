"""A report of `judge` as the document of a session, of which all forms of the report are made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ftcheck.judging.checks import suite_catalogue
from pytest_ftcheck.report.baseline import NoBaseline
from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.figures.run import figures_of
from pytest_ftcheck.report.records import CheckRecord, found_record, red_record
from pytest_ftcheck.report.runs import run_record
from pytest_ftcheck.runs.environment import versions

if TYPE_CHECKING:
    from pytest_ftcheck.judging.report import CheckResult, Report


def document_of(report: Report, *, with_rows: bool = False) -> Document:
    """Return what a pytest session with one seed and without accepted runs would have written.

    Args:
        report: of `judge`.
        with_rows: also record rows of the data, with their texts.

    """
    from pytest_ftcheck import __version__  # noqa: PLC0415 - the package imports this module

    nodes = [f"{report.task}::{result.check}[{place}]" for place, result in enumerate(report.results)]
    told = zip(nodes, report.results, strict=True)
    node_of = {id(found): node for node, result in told for found in (*result.findings, *result.warnings)}
    runs = [(run, report.pipeline) for run in report.runs.values() if report.pipeline is not None]
    return Document(
        command=report.call,
        versions={"pytest-ftcheck": __version__, **versions()},
        started=report.started,
        seconds=report.seconds,
        tasks=[report.task],
        engines=list(dict.fromkeys(result.engine for result in report.results)),
        seeds=list(dict.fromkeys(run.seed for run in report.runs.values())),
        exit_status=int(not report.ok),
        idle_tasks=[],
        gates=list(report.gates),
        seed_gates=[],
        warnings=[replace(found_record(found), nodeid=node_of[id(found)]) for found in report.warnings],
        runs=[run_record(run, pipeline) for run, pipeline in runs],
        figures=[figures_of(run, pipeline, with_rows=with_rows) for run, pipeline in runs],
        checks=[_check(report, node, result) for node, result in zip(nodes, report.results, strict=True)],
        findings=[
            replace(red_record(found, report.because_of(found)), nodeid=node_of[id(found)]) for found in report.findings
        ],
        causes=report.cause_records(),
        baseline=NoBaseline(),
        calibration=[],
        faults=[],
        notes=[],
    )


def _check(report: Report, node: str, result: CheckResult) -> CheckRecord:
    known = suite_catalogue().get(result.check)
    cost = known.cost if known else "run"  # what ended the run, and is no check
    run = report.runs.get(result.engine)
    reads_parts = cost in ("free", "forward")
    return CheckRecord(
        nodeid=node,
        task=report.task,
        check=result.check,
        cost=cost,
        engine=None if reads_parts else result.engine,
        seed=None if reads_parts or run is None else run.seed,
        outcome=result.outcome,
        reason=result.reason or None,
        seconds=result.seconds,
    )
