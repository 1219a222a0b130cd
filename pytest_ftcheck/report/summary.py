"""The summary: one table that says whether the model may ship."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_ftcheck.report.header import SYNTHETIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MOST_FOLDERS = 4
_STYLES = {"pass": "green", "fail": "bold red", "no floor": "yellow"}


def summary_table(gates: Sequence[Mapping[str, Any]], *, color: bool, width: int = 100) -> str:
    """Render the gates: task, engine, seed, metric, value, floor, margin, status, seconds.

    Args:
        gates: as dictionaries with those keys.
        color: with ANSI colours.
        width: of the terminal, in columns.

    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    several_seeds = len({gate["seed"] for gate in gates}) > 1
    for name in ("task", "engine", *(["seed"] if several_seeds else []), "metric"):
        table.add_column(name)
    for name in ("value", "floor", "margin"):
        table.add_column(name, justify="right")
    table.add_column("status")
    table.add_column("seconds", justify="right")
    for gate in gates:
        table.add_row(
            Text(gate["task"]),  # a plain string would be read as markup
            gate["engine"],
            *([str(gate["seed"])] if several_seeds else []),
            Text(gate["metric"]),
            number(gate["value"]),
            number(gate["floor"]),
            number(gate["margin"], signed=True),
            Text(gate["status"], style=_STYLES[gate["status"]]),
            f"{gate['seconds']:.1f}" + (" (reused)" if gate["reused"] else ""),
        )
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=color, color_system="standard" if color else None)
    console.print(table)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()).lstrip("\n")


def number(value: float | None, *, signed: bool = False) -> str:
    """Render a metric with four digits; a dash where there is none."""
    if value is None:
        return "-"
    return "nan" if math.isnan(value) else f"{value:{'+' if signed else ''}.4f}"


def check_lines(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Count the checks, name those that failed, and say why others were skipped.

    Args:
        checks: one for each test, with ``task``, ``check``, ``outcome`` and, of a skipped one, ``reason``.

    """
    if not checks:
        return []
    several_tasks = len({check["task"] for check in checks}) > 1
    by_outcome: dict[str, list[Mapping[str, Any]]] = {}
    for check in checks:
        by_outcome.setdefault(check["outcome"], []).append(check)
    counts = [
        f"{len(found)} {outcome}" + (f" ({_names(found, tasks=several_tasks)})" if outcome == "failed" else "")
        for outcome in ("passed", "failed", "skipped")
        if (found := by_outcome.get(outcome))
    ]
    by_reason: dict[str, list[Mapping[str, Any]]] = {}
    for check in by_outcome.get("skipped", []):
        by_reason.setdefault(check["reason"] or "no reason given", []).append(check)
    reasons = [f"  skipped: {_names(found, tasks=several_tasks)}: {reason}" for reason, found in by_reason.items()]
    return [f"checks: {', '.join(counts)}", *reasons]


def _names(checks: Sequence[Mapping[str, Any]], *, tasks: bool) -> str:
    """Name each check once, whatever its engines and seeds; with its task where there are several."""
    names = (check["check"] + (f" of {check['task']}" if tasks else "") for check in checks)
    return ", ".join(dict.fromkeys(names))


def closing_lines(
    runs: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    idle_tasks: Sequence[str],
    untold: Sequence[str],
    json: Path | None,
) -> list[str]:
    """Say what was measured on what, what was made anew, and where everything is written.

    Args:
        runs: as `note_run` gives them.
        notes: lines that are shown as they are.
        idle_tasks: selected tasks of which no test ran.
        untold: node ids of the tests that should have failed, and told why there is no run.
        json: where the document was written.

    """
    measured = {
        f"{run['task']}: {run['checkpoint']} on {run['data']} ({run['train_rows']} train, {run['rows']} evaluated rows)"
        + (f", {SYNTHETIC}" if run["synthetic"] else "")
        for run in runs
    }
    folders = {f"model of {run['task']}, {run['engine']}, seed {run['seed']}: {run['folder']}/model" for run in runs}
    return [
        *sorted(measured),
        *(sorted(folders) if len(folders) <= _MOST_FOLDERS else []),
        *notes,
        *(f"{task}: NO TEST RAN, so nothing is known of it: the session fails." for task in idle_tasks),
        *(f"{nodeid}: should have told why there is no run, and did not fail: the session fails." for nodeid in untold),
        *([f"everything is in {json}"] if json else []),
    ]
