"""Findings for verdicts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.gates.limits import Limits, Status
    from pytest_ftcheck.gates.paired import Drop

_SHOWN = 1e-4
"""The smallest difference that four decimals show."""
_LOOK = "Compare data, recipe and versions with the last run that passed; other failed tests may show the defect."


def limit_finding(
    place: str, value: float, interval: Interval | None, limits: Limits, status: Status
) -> Finding | None:
    """Return the finding for a limit that fails or is inconclusive; None where it holds.

    Args:
        place: metric, subject and number of rows.
        value: value of the metric.
        interval: interval of the value, where there is one.
        limits: limits of the metric.
        status: result of `Limits.status`.

    """
    if limits.limit is None or status not in {"fail", "inconclusive"}:
        return None
    if status == "inconclusive":
        hint = (
            f"the rows are too few to decide whether the {limits.kind} holds for similar rows. More evaluation rows "
            "narrow the interval; a limit calibrated on these rows needs none; with --ftcheck-strict this fails."
        )
    else:
        hint = f"{_LOOK} Move the {limits.kind} only if the change is understood and accepted."
    return Finding(
        check=f"metrics.{limits.kind}",
        subject=place,
        expected=f"{limits.side} {limits.limit:.4f}{_origin(limits)}",
        observed=_observed(value, interval, limits),
        hint=hint,
    )


def _origin(limits: Limits) -> str:
    seeds = limits.calibrated
    if seeds is None:
        return ""
    return f", calibrated on {seeds.seeds} seeds of mean {seeds.mean:.4f} and standard deviation {seeds.std:.4f}"


def _observed(value: float, interval: Interval | None, limits: Limits) -> str:
    if not math.isfinite(value) or limits.limit is None:
        return f"{value}, not a finite number"
    short = abs(limits.limit - value)
    digits = 4 if short >= _SHOWN else 9  # avoid "0.8500, short of 0.8500"
    text = f"{value:.{digits}f}"
    if not limits.met_by(value):
        text += f", {short:.{digits}f} {'short' if limits.greater_is_better else 'over'}"
    if interval is None:
        return text
    # A calibrated limit is compared with the value: the interval over other rows has no effect.
    inside = limits.calibrated is None and limits.limit in interval
    inconclusive = f", inconclusive: the {limits.kind} is inside" if inside else ""
    return f"{text} ({describe_interval(interval)}){inconclusive}"


def describe_interval(interval: Interval) -> str:
    """Describe a 95% interval over rows, or say that it is unknown."""
    if not interval.known:
        return "95% interval unknown: too few rows, or no spread among them"
    return f"95% interval {interval.low:.4f} to {interval.high:.4f}"


def drop_finding(place: str, drop: Drop) -> Finding | None:
    """Return the finding for a drop that fails or that chance may explain; None where it is allowed.

    Args:
        place: metric, subject and number of rows.
        drop: result of `compare`.

    """
    if drop.status == "pass":
        return None
    change = f"{drop.before:.4f} before, {drop.after:.4f} now"
    if math.isfinite(drop.after):
        change += f", {drop.drop:.4f} worse"
    reasons = [
        *([] if drop.row_pvalue is None else [f"p-value over rows {drop.row_pvalue:.2g}"]),
        *([] if drop.seed_bound is None else [f"seeds explain up to {drop.seed_bound:.4f}"]),
    ]
    if drop.status == "inconclusive":
        sees = f"A true drop of {drop.smallest:.4f} is detected in 80% of the sessions. "
        hint = (
            f"chance may explain the drop. {'' if math.isnan(drop.smallest) else sees}Run several seeds, or use more "
            "evaluation rows; with --ftcheck-strict this fails."
        )
    else:
        hint = f"chance does not explain the drop. {_LOOK} The summary lists the changed rows, the worst first."
    if drop.seed_bound is None:
        hint += " The spread over seeds is unknown: --ftcheck-calibrate measures it."
    return Finding(
        check="metrics.baseline",
        subject=place,
        expected=f"at most {drop.allowed:.4f} worse than the baseline's {drop.before:.4f}",
        observed="; ".join([change, *reasons]) + (", inconclusive" if drop.status == "inconclusive" else ""),
        hint=hint,
    )
