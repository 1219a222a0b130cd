"""The parts of the summary: the table of gates, seeds, warnings, counts of checks, and closing lines."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_ftcheck.gates.records import GateRecord
from pytest_ftcheck.report.groups import one_line
from pytest_ftcheck.report.header import SYNTHETIC
from pytest_ftcheck.report.view import encodable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import SeedGateRecord
    from pytest_ftcheck.report.records import CheckRecord, JudgedRecord
    from pytest_ftcheck.report.runs import RunRecord

_MOST_FOLDERS = 4
_MOST_WARNINGS = 5
_UNLIMITED = 160
"""Columns of the table in a log: a wrapped line can be read, a cut number cannot."""
_ANY = 10_000
"""More columns than any table has."""
_NUMBERS = ("value", "95% interval", "floor", "status", "sees drop of", "rows", "seconds")
_NARROWER = ((), ("seconds",), ("seconds", "rows"), ("seconds", "rows", "sees drop of"))
"""Columns that a terminal is too narrow for; they are in the JSON document."""
_STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "bold yellow", "ungated": "yellow"}


def summary_table(
    gates: Sequence[GateRecord],
    over_seeds: Sequence[SeedGateRecord] = (),
    *,
    color: bool = False,
    width: int | None = None,
    encoding: str = "utf-8",
) -> str:
    """Render the gates: value, interval, limit, verdict, smallest drop that the gate detects, rows and seconds.

    A narrow terminal has fewer columns; no number is cut.

    Args:
        gates: gates of single runs, from `gate_record`.
        over_seeds: gates of several seeds together, from `judge_together`; they follow the gates of their seeds.
        color: with ANSI colours.
        width: of the terminal, in columns; None where no line needs to fit.
        encoding: of the terminal.

    """
    console = Console(
        file=io.StringIO(),
        width=width or _UNLIMITED,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
    )
    tables = [_table(gates, over_seeds, left_out) for left_out in _NARROWER]
    options = console.options.update_width(_ANY)
    table = next((one for one in tables if console.measure(one, options=options).maximum <= console.width), tables[-1])
    with console.capture() as captured:
        console.print(table)
    return encodable("\n".join(line.rstrip() for line in captured.get().splitlines()).lstrip("\n"), encoding)


def _table(gates: Sequence[GateRecord], over_seeds: Sequence[SeedGateRecord], left_out: Sequence[str]) -> Table:
    """Build the table without some of its columns; without all of them, cells are closer."""
    narrow = left_out == _NARROWER[-1]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0 if narrow else 1))
    several_seeds = len({gate.seed for gate in gates}) > 1
    for name in ("task", "engine", *(["seed"] if several_seeds else []), "metric"):
        table.add_column(name, overflow="fold")
    kept = [name for name in _NUMBERS if name not in left_out]
    for name in kept:
        table.add_column(name, justify="left" if name == "status" else "right", no_wrap=True)
    left = list(over_seeds)
    for place, gate in enumerate(gates):
        table.add_row(*_row(gate, [str(gate.seed)] if several_seeds else [], kept, narrow=narrow))
        if place + 1 == len(gates) or _of(gates[place + 1]) != _of(gate):
            for mean in [entry for entry in left if _of(entry) == _of(gate)]:
                table.add_row(*_row(mean, [f"mean of {len(mean.values) - len(mean.failed)}"], kept, narrow=narrow))
                left.remove(mean)
    return table


def _of(gate: GateRecord | SeedGateRecord) -> tuple[str, str]:
    return gate.task, gate.engine


def _row(
    gate: GateRecord | SeedGateRecord, seed: Sequence[str], kept: Sequence[str], *, narrow: bool
) -> list[Text | str]:
    status = gate.status
    informs = isinstance(gate, GateRecord) and gate.informs and status != "ungated"
    missing = isinstance(gate, GateRecord) and gate.missing
    numbers: dict[str, Text | str] = {
        "value": "missing" if missing else number(gate.value),
        "95% interval": "-" if gate.interval is None else " to ".join(number(end) for end in gate.interval),
        "floor": _limit(gate, narrow=narrow),
        # With several seeds, a single seed has no verdict of its own.
        "status": Text(f"({status})", style="dim") if informs else Text(status, style=_STYLES[status]),
        "sees drop of": number(gate.smallest_drop),
        "rows": str(gate.rows),
        "seconds": f"{gate.seconds:.1f}" + (" (reused)" if gate.reused else ""),
    }
    metric = f"{gate.metric}, {gate.slice}" if gate.slice else gate.metric
    # rich would parse a plain string as markup
    return [Text(gate.task), gate.engine, *seed, Text(metric), *(numbers[name] for name in kept)]


def _limit(gate: GateRecord | SeedGateRecord, *, narrow: bool) -> str:
    """Render the limit: "at most" before a ceiling, and the number of seeds of a calibrated limit."""
    if gate.floor is None:
        return "-"
    limits = gate.limits
    side = "" if limits.greater_is_better else ("≤ " if narrow else "at most ")
    calibrated = f" ({limits.calibrated.seeds} seeds)" if limits.calibrated and not narrow else ""
    return f"{side}{number(gate.floor)}{calibrated}"


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
    lines = [f"WARNING, inconclusive: {one_line(found)}" for found in gates]
    lines += ["  Inconclusive gates pass; --ftcheck-strict makes them fail."] if gates else []
    lines += [f"WARNING, {found.check}: {one_line(found)}" for found in others[:_MOST_WARNINGS]]
    left = len(others) - _MOST_WARNINGS
    more = f" {left} more are in the JSON document (--ftcheck-json)." if left > 0 else ""
    return [*lines, *([f"  Warnings pass; --ftcheck-strict makes them fail.{more}"] if others else [])]


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


def measured_lines(runs: Sequence[RunRecord]) -> list[str]:
    """Say for each task which checkpoint was trained on what data."""
    return sorted(
        {
            f"{run.task}: {run.checkpoint} on {run.data} ({run.train_rows} train, {run.rows} evaluated rows)"
            + (f", {SYNTHETIC}" if run.synthetic else "")
            for run in runs
        }
    )


def closing_lines(
    runs: Sequence[RunRecord],
    notes: Sequence[str],
    idle_tasks: Sequence[str],
    unreported: Sequence[str],
    written: Sequence[str],
) -> list[str]:
    """List measured runs with their data, notes, tasks without a test, and the paths of the files with the results.

    Args:
        runs: from `run_record`.
        notes: lines that are shown unchanged.
        idle_tasks: selected tasks for which no test ran.
        unreported: node ids of the tests that should have failed with the reason why there is no run.
        written: paths of the files that hold the results.

    """
    folders = {f"model of {run.task}, {run.engine}, seed {run.seed}: {run.folder}/model" for run in runs}
    unjudged = {
        f"{run.task}: NOT JUDGED: {_measured(name, metrics)}" for run in runs for name, metrics in run.unjudged.items()
    }
    return [
        *measured_lines(runs),
        *sorted(unjudged),
        *(sorted(folders) if len(folders) <= _MOST_FOLDERS else []),
        *notes,
        *(f"{task}: no test ran for this task; the session fails." for task in idle_tasks),
        *(
            f"{nodeid}: other tests left their failure to this test, but it did not fail; the session fails."
            for nodeid in unreported
        ),
        *([f"all results are in {', '.join(written)}"] if written else []),
    ]
