"""What else there is, on the same cases: a metric floor alone, and pytest-torch's checks.

The floor needs no session of its own: it is judged from the metrics that the kept sessions noted.
"""

from __future__ import annotations

import math
import re
from typing import Any

from scipy.stats import binomtest

from machine import markdown_table

MARGIN = 0.03
LESS_IS_BETTER = re.compile(r"rmse|mse|mae|loss|error")
TORCH = "torch:"  # the sessions of pytest-torch's checks
FRESH = "build@"  # the sessions of a healthy project with another seed

Row = dict[str, Any]


def share(count: int, of: int) -> str:
    """`7/8 (0.53 to 0.98)`: with Wilson's 95% interval."""
    if not of:
        return "0/0"
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return f"{count}/{of} ({interval.low:.2f} to {interval.high:.2f})"


def below_floor(session: Row, reference: Row) -> bool:
    """Whether a metric is missing or worse than the reference run's, by more than the margin, or no run is there."""
    metrics: Row | None = session.get("metrics")
    if metrics is None:
        return True
    for name, value in (reference.get("metrics") or {}).items():
        if name.removeprefix("eval_") == "loss":
            continue
        wanted, reached = float(value), float(metrics.get(name, math.nan))
        sign = -1 if LESS_IS_BETTER.search(name) else 1
        if math.isfinite(wanted) and not sign * reached >= sign * wanted - MARGIN:  # NaN is worse, too
            return True
    return False


def fresh(entries: dict[str, Row]) -> list[tuple[Row, Row]]:
    """Every session of a healthy project with another seed, and that with its first seed."""
    return [
        (session, entry["sessions"]["build"])
        for entry in entries.values()
        for name, session in entry["sessions"].items()
        if name.startswith(FRESH)
    ]


def rows_of(half: str, entries: dict[str, Row]) -> list[list[str]]:
    """Render what each way says of these cases."""
    defects = [entry for key, entry in entries.items() if key.startswith("defects/")]
    twins = [entry["sessions"] for entry in defects]
    others = fresh(entries)
    healthy = [entry["sessions"]["build"] for key, entry in entries.items() if key.startswith("healthy/")]
    good = [*(sessions["fixed"] for sessions in twins), *healthy]
    ours = [
        share(sum(sessions["defect"]["outcome"] == "red" for sessions in twins), len(twins)),
        share(sum(entry["named"] for entry in defects), len(defects)),
        share(sum(session["outcome"] != "green" for session in good), len(good)),
        share(sum(session["outcome"] != "green" for session, _ in others), len(others)),
    ]
    floor = [
        share(sum(below_floor(sessions["defect"], sessions["fixed"]) for sessions in twins), len(twins)),
        share(0, len(twins)),
        "none: it is set from them",
        share(sum(below_floor(session, first) for session, first in others), len(others)),
    ]
    rows = [[half, "pytest-ftcheck", *ours], [half, "a metric floor alone", *floor]]
    judged = [entry for entry in defects if f"{TORCH}defect" in entry["sessions"]]
    torch_good = [
        session
        for entry in entries.values()
        for name, session in entry["sessions"].items()
        if name in {f"{TORCH}fixed", f"{TORCH}build"}
    ]
    if judged or torch_good:
        said = [entry["sessions"][f"{TORCH}defect"]["outcome"] for entry in judged]
        torch = [
            share(said.count("red"), len(said)),
            share(sum(entry["torch named"] for entry in judged), len(judged)),
            share(sum(session["outcome"] != "green" for session in torch_good), len(torch_good)),
            "not run",
        ]
        rows.append([half, "pytest-torch's checks", *torch])
    return rows


def beside_others(parts: dict[str, dict[str, Row]]) -> str:
    """Render the comparison, for each of these parts."""
    head = ["half", "way", "caught", "cause named first", "fixed or healthy not green", "healthy red with another seed"]
    return markdown_table(head, [row for half, entries in parts.items() for row in rows_of(half, entries)])
