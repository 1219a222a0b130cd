"""The summary: the table of gates, with causes, warnings and closing lines."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_ftcheck.gates.records import GateRecord
from pytest_ftcheck.report.header import SYNTHETIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import SeedGateRecord
    from pytest_ftcheck.report.records import CauseRecord, CheckRecord, JudgedRecord
    from pytest_ftcheck.report.runs import RunRecord

_MOST_FOLDERS = 4
_MOST_WARNINGS = 5
_MOST_CAUSES = 5
_STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "bold yellow", "ungated": "yellow"}


def summary_table(
    gates: Sequence[GateRecord],
    over_seeds: Sequence[SeedGateRecord] = (),
    *,
    color: bool,
    width: int = 100,
) -> str:
    """Render the gates: value, interval, limit, verdict, smallest drop that the gate detects, rows and seconds.

    Args:
        gates: gates of single runs, from `gate_record`.
        over_seeds: gates of several seeds together, from `judge_together`; they follow the gates of their seeds.
        color: with ANSI colours.
        width: of the terminal, in columns.

    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    several_seeds = len({gate.seed for gate in gates}) > 1
    for name in ("task", "engine", *(["seed"] if several_seeds else []), "metric"):
        table.add_column(name)
    for name in ("value", "95% interval", "floor"):
        table.add_column(name, justify="right")
    table.add_column("status")
    for name in ("sees drop of", "rows", "seconds"):
        table.add_column(name, justify="right")
    left = list(over_seeds)
    for place, gate in enumerate(gates):
        table.add_row(*_row(gate, [str(gate.seed)] if several_seeds else []))
        if place + 1 == len(gates) or _of(gates[place + 1]) != _of(gate):
            for mean in [entry for entry in left if _of(entry) == _of(gate)]:
                table.add_row(*_row(mean, [f"mean of {len(mean.values) - len(mean.failed)}"]))
                left.remove(mean)
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=color, color_system="standard" if color else None)
    console.print(table)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()).lstrip("\n")


def cause_lines(causes: Sequence[CauseRecord]) -> list[str]:
    """Name the probable causes, the most likely one first, and the failed checks that each explains.

    Args:
        causes: from `pytest_ftcheck.judging.causes`.

    """
    lines = []
    for place, cause in enumerate(causes[:_MOST_CAUSES]):
        found, explained = cause.finding, cause.consequences
        lines.append(f"{'CAUSE' if not place else 'ALSO'}: {found.check}: {_told(found)}")
        lines += [f"  what to do: {found.hint}"] if found.hint else []
        lines += [f"  red because of it, probably: {', '.join(explained)}"] if explained else []
    left = len(causes) - _MOST_CAUSES
    return [*lines, *([f"{left} more are above"] if left > 0 else []), *([""] if causes else [])]


def _of(gate: GateRecord | SeedGateRecord) -> tuple[str, str]:
    return gate.task, gate.engine


def _row(gate: GateRecord | SeedGateRecord, seed: Sequence[str]) -> list[Text | str]:
    status = gate.status
    informs = isinstance(gate, GateRecord) and gate.informs and status != "ungated"
    missing = isinstance(gate, GateRecord) and gate.missing
    return [
        Text(gate.task),  # rich would parse a plain string as markup
        gate.engine,
        *seed,
        Text(f"{gate.metric}, {gate.slice}" if gate.slice else gate.metric),
        "missing" if missing else number(gate.value),
        "-" if gate.interval is None else " to ".join(number(end) for end in gate.interval),
        _limit(gate),
        # With several seeds, a single seed has no verdict of its own.
        Text(f"({status})", style="dim") if informs else Text(status, style=_STYLES[status]),
        number(gate.smallest_drop),
        str(gate.rows),
        f"{gate.seconds:.1f}" + (" (reused)" if gate.reused else ""),
    ]


def _limit(gate: GateRecord | SeedGateRecord) -> str:
    """Render the limit: "at most" before a ceiling, and the number of seeds of a calibrated limit."""
    if gate.floor is None:
        return "-"
    limits = gate.limits
    side = "" if limits.greater_is_better else "at most "
    seeds = f" ({limits.calibrated.seeds} seeds)" if limits.calibrated else ""
    return f"{side}{number(gate.floor)}{seeds}"


def seed_lines(over_seeds: Sequence[SeedGateRecord], red: Sequence[Finding]) -> list[str]:
    """Name the worst seed, the failed seeds, and the findings over all seeds together.

    Args:
        over_seeds: from `judge_together`.
        red: findings that fail the session.

    """
    lines = []
    for row in over_seeds:
        name = f"{row.metric}, {row.slice}" if row.slice else row.metric
        worst, failed = row.worst_seed, row.failed
        lines.append(
            f"{row.task}, {row.engine}: {name} over {len(row.values)} seeds: worst seed {worst} "
            f"({number(row.values[str(worst)])})"
            + (f", {len(failed)} failed: seed {', '.join(map(str, failed))}" if failed else ", none failed")
        )
    for found in red:
        lines += ["", *found.describe().splitlines()]
    return [*lines, *([""] if red else [])]


def warning_lines(warnings: Sequence[Finding]) -> list[str]:
    """List inconclusive gates and warnings of checks; neither fails.

    Args:
        warnings: findings of inconclusive gates and of checks that warn; the latter are sorted by their fraction of
            affected rows.

    """
    gates = [found for found in warnings if found.level != "warn"]
    others = sorted((found for found in warnings if found.level == "warn"), key=lambda found: -found.share)
    lines = [f"WARNING, inconclusive: {_told(found)}" for found in gates]
    lines += ["  Inconclusive gates pass; --ftcheck-strict makes them fail."] if gates else []
    lines += [f"WARNING, {found.check}: {_told(found)}" for found in others[:_MOST_WARNINGS]]
    left = len(others) - _MOST_WARNINGS
    more = f" {left} more are in the JSON document (--ftcheck-json)." if left > 0 else ""
    return [*lines, *([f"  Warnings pass; --ftcheck-strict makes them fail.{more}"] if others else [])]


def _told(found: Finding) -> str:
    return f"{found.subject}: expected {found.expected}, observed {found.observed}"


def number(value: float | None, *, signed: bool = False) -> str:
    """Render a metric with four decimals; a dash for None."""
    if value is None:
        return "-"
    return "nan" if math.isnan(value) else f"{value:{'+' if signed else ''}.4f}"


def check_lines(checks: Sequence[CheckRecord | JudgedRecord]) -> list[str]:
    """Count the checks, name the failed ones, and give the reasons of the skipped ones.

    Args:
        checks: one for each test.

    """
    if not checks:
        return []
    several_tasks = len({check.task for check in checks}) > 1
    by_outcome: dict[str, list[CheckRecord | JudgedRecord]] = {}
    for check in checks:
        by_outcome.setdefault(check.outcome, []).append(check)
    counts = [
        f"{len(found)} {outcome}" + (f" ({_names(found, tasks=several_tasks)})" if outcome == "failed" else "")
        for outcome in ("passed", "failed", "skipped")
        if (found := by_outcome.get(outcome))
    ]
    by_reason: dict[str, list[CheckRecord | JudgedRecord]] = {}
    for check in by_outcome.get("skipped", []):
        by_reason.setdefault(check.reason or "no reason given", []).append(check)
    reasons = [f"  skipped: {_names(found, tasks=several_tasks)}: {reason}" for reason, found in by_reason.items()]
    return [f"checks: {', '.join(counts)}", *reasons]


def _names(checks: Sequence[CheckRecord | JudgedRecord], *, tasks: bool) -> str:
    """Name each check once for all engines and seeds, with its task where there are several tasks."""
    names = (check.check + (f" of {check.task}" if tasks else "") for check in checks)
    return ", ".join(dict.fromkeys(names))


def _measured(name: str, metrics: Mapping[str, float]) -> str:
    """Describe the metrics of a run on an evaluation set that has no gates."""
    values = ", ".join(f"{metric} {number(value)}" for metric, value in metrics.items())
    return f"evaluation set {name!r}" + (f" ({values})" if values else "")


def closing_lines(
    runs: Sequence[RunRecord],
    notes: Sequence[str],
    idle_tasks: Sequence[str],
    untold: Sequence[str],
    json: Path | None,
) -> list[str]:
    """List measured runs with their data, notes, tasks without a test, and the path of the JSON document.

    Args:
        runs: from `run_record`.
        notes: lines that are shown unchanged.
        idle_tasks: selected tasks for which no test ran.
        untold: node ids of the tests that should have failed with the reason why there is no run.
        json: path of the document.

    """
    measured = {
        f"{run.task}: {run.checkpoint} on {run.data} ({run.train_rows} train, {run.rows} evaluated rows)"
        + (f", {SYNTHETIC}" if run.synthetic else "")
        for run in runs
    }
    folders = {f"model of {run.task}, {run.engine}, seed {run.seed}: {run.folder}/model" for run in runs}
    unjudged = {
        f"{run.task}: NOT JUDGED: {_measured(name, metrics)}" for run in runs for name, metrics in run.unjudged.items()
    }
    return [
        *sorted(measured),
        *sorted(unjudged),
        *(sorted(folders) if len(folders) <= _MOST_FOLDERS else []),
        *notes,
        *(f"{task}: no test ran for this task; the session fails." for task in idle_tasks),
        *(
            f"{nodeid}: other tests left their failure to this test, but it did not fail; the session fails."
            for nodeid in untold
        ),
        *([f"all results are in {json}"] if json else []),
    ]
