"""Verdicts in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.gates.limits import Limits, Status
    from pytest_ftcheck.gates.paired import Drop

_SHOWN = 1e-4
"""The smallest difference that four digits show."""
_LOOK = (
    "Compare data, recipe and versions with the last run that passed; the other tests of this task say where it broke."
)


def limit_finding(
    place: str, value: float, interval: Interval | None, limits: Limits, status: Status
) -> Finding | None:
    """Word a limit that fails or is not settled; None where it holds.

    Args:
        place: which metric of what, on how many rows.
        value: of the metric.
        interval: of the value, where there is one.
        limits: with a limit.
        status: of `Limits.status`.

    """
    if limits.limit is None or status not in {"fail", "inconclusive"}:
        return None
    if status == "inconclusive":
        hint = (
            f"the rows do not settle whether the {limits.kind} holds for other rows like these. More evaluation rows "
            "narrow the interval; a limit calibrated on these rows needs none; --ftcheck-strict makes this a failure."
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
    digits = 4 if short >= _SHOWN else 9  # 0.8500 must not read as short of 0.8500
    text = f"{value:.{digits}f}"
    if not limits.met_by(value):
        text += f", {short:.{digits}f} {'short' if limits.greater_is_better else 'over'}"
    if interval is None:
        return text
    # A calibrated limit judges by the value: where it lies in the interval of other rows settles nothing.
    inside = limits.calibrated is None and limits.limit in interval
    told = f", inconclusive: the {limits.kind} lies inside" if inside else ""
    return f"{text} ({describe_interval(interval)}){told}"


def describe_interval(interval: Interval) -> str:
    """Word a 95% interval over rows, or that it is not known."""
    if not interval.known:
        return "95% interval not known: too few rows, or no spread among them"
    return f"95% interval {interval.low:.4f} to {interval.high:.4f}"


def drop_finding(place: str, drop: Drop) -> Finding | None:
    """Word a drop that fails or that chance may explain; None where it is allowed.

    Args:
        place: which metric of what, on how many rows.
        drop: of `compare`.

    """
    if drop.status == "pass":
        return None
    change = f"{drop.before:.4f} before, {drop.after:.4f} now"
    if math.isfinite(drop.after):
        change += f", {drop.drop:.4f} worse"
    reasons = [
        *([] if drop.row_pvalue is None else [f"rows alone do so with a chance of {drop.row_pvalue:.2g}"]),
        *([] if drop.seed_bound is None else [f"seeds alone stay below {drop.seed_bound:.4f}"]),
    ]
    if drop.status == "inconclusive":
        sees = f"80% of the sessions would see a true drop of {drop.smallest:.4f}. "
        hint = (
            f"chance may explain it. {'' if math.isnan(drop.smallest) else sees}Several seeds, or more evaluation "
            "rows, would tell; --ftcheck-strict makes this a failure."
        )
    else:
        hint = f"chance does not explain it. {_LOOK} The rows that flipped are listed, the worst first."
    if drop.seed_bound is None:
        hint += " How much seeds alone change it is not known: --ftcheck-calibrate measures it."
    return Finding(
        check="metrics.baseline",
        subject=place,
        expected=f"at most {drop.allowed:.4f} worse than the baseline's {drop.before:.4f}",
        observed="; ".join([change, *reasons]) + (", inconclusive" if drop.status == "inconclusive" else ""),
        hint=hint,
    )
