"""The report page: the document of a session as one HTML file without scripts of others, and without a network.

The page is a function of the document and of the version of matplotlib: the same input gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup

from pytest_ftcheck.report.faults import faults_lines
from pytest_ftcheck.report.header import SYNTHETIC
from pytest_ftcheck.report.html import drawn
from pytest_ftcheck.report.html.checks import CheckRow, check_rows
from pytest_ftcheck.report.html.environment import environment, part
from pytest_ftcheck.report.html.gates import GateRow, gate_rows
from pytest_ftcheck.report.html.plots import NO_MATPLOTLIB, Plot, can_plot
from pytest_ftcheck.report.html.rows import DataTable, data_tables

if TYPE_CHECKING:
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.records import CauseRecord, RedRecord
    from pytest_ftcheck.report.runs import RunRecord

Verdict = Literal["failed", "inconclusive", "passed"]


@dataclass(frozen=True)
class CauseView:
    """A cause with all that it explains."""

    cause: CauseRecord
    others: tuple[RedRecord, ...]
    """Further findings of the same check."""
    consequences: tuple[RedRecord, ...]
    """Findings of the checks that it probably explains."""


@dataclass(frozen=True)
class TaskView:
    """A task of the page."""

    name: str
    key: str
    """Unique name on the page, of letters, digits and hyphens."""
    verdict: Verdict
    sentence: str
    """The verdict in a sentence."""
    runs: tuple[RunRecord, ...]
    gates: tuple[GateRow, ...]
    slices: tuple[GateRow, ...]
    causes: tuple[CauseView, ...]
    over_seeds: tuple[Finding, ...]
    """Findings of gates over several seeds that fail."""
    warnings: tuple[Finding, ...]
    training: tuple[Plot, ...]
    predictions: tuple[drawn.RunPlots, ...]
    lengths: tuple[str, ...]
    length_plot: Plot | None
    tables: tuple[DataTable, ...]
    checks: tuple[CheckRow, ...]


def page(document: Document) -> str:
    """Render the document of a session as an HTML page."""
    tasks = _tasks(document)
    views = [_task(document, name, f"t{place}") for place, name in enumerate(tasks)]
    known = {nodeid for nodeid, task in _of_tests(document).items() if task in tasks}
    others = [found for found in document.findings if found.nodeid not in known and found.nodeid is not None]
    verdict = _verdict(document, views)
    style, script = (part(name) for name in ("page.css", "page.js"))
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            document=document,
            tasks=views,
            others=others,
            verdict=verdict,
            sentence=_sentence(document, views, verdict),
            plots_missing="" if can_plot() else NO_MATPLOTLIB,
            synthetic=SYNTHETIC if any(run.synthetic for run in document.runs) else "",
            style=Markup(style),  # noqa: S704 - a file of the package
            script=Markup(script),  # noqa: S704 - as above
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _tasks(document: Document) -> list[str]:
    named = [
        *document.tasks,
        *(run.task for run in document.runs),
        *(gate.task for gate in document.gates),
        *(test.task for test in document.checks),
    ]
    return [name for name in dict.fromkeys(named) if name != "-"]


def _of_tests(document: Document) -> dict[str, str]:
    return {test.nodeid: test.task for test in document.checks}


def _task(document: Document, name: str, key: str) -> TaskView:
    gates, slices = (tuple(gate_rows(document, name, of_slices=of_slices)) for of_slices in (False, True))
    checks = tuple(check_rows(document, name))
    tests = {nodeid for nodeid, task in _of_tests(document).items() if task == name}
    figures = [entry for entry in document.figures if entry.task == name]
    lengths = figures[0].lengths if figures else []
    failed = [row for row in checks if row.status == "failed"]
    bad = [gate for gate in (*gates, *slices) if gate.status == "fail" and not gate.note]
    unclear = [gate for gate in (*gates, *slices) if gate.status == "inconclusive" and not gate.note]
    idle = name in document.idle_tasks
    verdict: Verdict = "failed" if failed or bad or idle else "inconclusive" if unclear else "passed"
    return TaskView(
        name=name,
        key=key,
        verdict=verdict,
        sentence=_sentence_of_task(
            checks, bad, unclear, [gate for gate in gates if gate.status == "pass" and not gate.note], idle=idle
        ),
        runs=tuple(run for run in document.runs if run.task == name),
        gates=gates,
        slices=slices,
        causes=tuple(_cause(document, cause) for cause in document.causes if cause.task == name),
        over_seeds=tuple(
            found
            for gate in document.seed_gates
            if gate.task == name and gate.status == "fail"
            for found in gate.findings
        ),
        warnings=tuple(found for found in document.warnings if found.nodeid in tests),
        training=tuple(drawn.training_plots(document, name, key)),
        predictions=tuple(drawn.prediction_plots(document, name, key)),
        lengths=tuple(drawn.length_lines(lengths)),
        length_plot=drawn.length_plot(lengths, key),
        tables=tuple(data_tables(document, name, key)),
        checks=checks,
    )


def _sentence_of_task(
    checks: tuple[CheckRow, ...], bad: list[GateRow], unclear: list[GateRow], gates: list[GateRow], *, idle: bool
) -> str:
    """Say in a sentence what failed."""
    if idle:
        return "No test ran for this task."
    failed = sum(row.status == "failed" for row in checks)
    skipped = sum(row.status == "skipped" for row in checks)
    parts = [
        f"{failed} of {_counted(len(checks))} failed" if failed else f"{_counted(len(checks) - skipped)} passed",
        *([f"{skipped} skipped"] if skipped else []),
        *([f"{_listed(gates)} within limits"] if gates and not bad and not unclear else []),
        *([f"{len(bad)} metrics are beyond their limits"] if len(bad) > 1 else []),
        *([f"{bad[0].metric} is beyond its limit"] if len(bad) == 1 else []),
        *([f"{len(unclear)} gates are inconclusive"] if len(unclear) > 1 else []),
        *([f"{unclear[0].metric} is inconclusive: the rows are too few to decide"] if len(unclear) == 1 else []),
    ]
    return f"{', '.join(parts)}."


def _counted(checks: int) -> str:
    return f"{checks} check{'' if checks == 1 else 's'}"


def _listed(gates: list[GateRow]) -> str:
    *first, last = dict.fromkeys(f"{gate.metric} {gate.value}" for gate in gates)
    return f"{', '.join(first)} and {last}" if first else last


def _cause(document: Document, cause: CauseRecord) -> CauseView:
    tests = _of_tests(document)
    found = [red for red in document.findings if tests.get(red.nodeid or "") == cause.task]
    same = [red for red in found if red.check == cause.finding.check]
    return CauseView(cause, tuple(same[1:]), tuple(red for red in found if red.check in cause.consequences))


def _verdict(document: Document, tasks: list[TaskView]) -> Verdict:
    if document.exit_status or document.idle_tasks or any(task.verdict == "failed" for task in tasks):
        return "failed"
    return "inconclusive" if any(task.verdict == "inconclusive" for task in tasks) else "passed"


def _instead_of_checks(document: Document) -> str:
    """Say what a session has found that planted faults or proposed limits, and ran no checks; else nothing."""
    if document.faults:
        return f"Planted {faults_lines(document.faults)[0]}."
    limits = sum(len(record.limits) for record in document.calibration)
    return f"Limits of {limits} metric{'' if limits == 1 else 's'} were proposed." if document.calibration else ""


def _sentence(document: Document, tasks: list[TaskView], verdict: Verdict) -> str:
    """Say in a sentence why."""
    if instead := _instead_of_checks(document):
        return instead
    if verdict == "failed" and not any(task.verdict == "failed" for task in tasks):
        return f"pytest ended with exit status {document.exit_status}, although no gate and no check failed."
    if len(tasks) == 1:
        return tasks[0].sentence
    counts = {name: sum(task.verdict == name for task in tasks) for name in ("failed", "inconclusive", "passed")}
    return ", ".join(f"{count} of {len(tasks)} tasks {name}" for name, count in counts.items() if count) + "."
