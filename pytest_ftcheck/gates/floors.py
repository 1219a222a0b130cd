"""Floors: the minimum that a metric must reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.runs.run import Run


_SHOWN = 1e-4
"""The smallest difference that four digits show."""


@dataclass(frozen=True)
class Gate:
    """The verdict on one metric of one run."""

    task: str
    engine: str
    seed: int
    metric: str
    value: float
    """NaN where the metric is missing."""
    floor: float | None
    rows: int
    """Evaluated rows behind the value."""
    seconds: float
    """Of the training behind the value."""

    @property
    def margin(self) -> float | None:
        """Value minus floor."""
        return None if self.floor is None else self.value - self.floor

    @property
    def status(self) -> str:
        """``pass``, ``fail``, or ``no floor``. NaN and infinity fail."""
        if self.floor is None:
            return "no floor"
        return "pass" if self.floor <= self.value < math.inf else "fail"


def gate(run: Run, metric: str, floors: Mapping[str, float]) -> Gate:
    """Judge one metric of a run against its floor, where there is one."""
    return Gate(
        task=run.task,
        engine=run.engine,
        seed=run.seed,
        metric=metric,
        value=run.metrics.get(metric, float("nan")),
        floor=floors.get(metric),
        rows=len(run.label_ids),
        seconds=run.timings.get("train", 0.0),
    )


def floor_findings(verdict: Gate, subject: str) -> list[Finding]:
    """Word a failed gate; nothing where it holds.

    Args:
        verdict: of `gate`.
        subject: what was measured on what.

    """
    if verdict.status != "fail" or verdict.floor is None:
        return []
    short = verdict.floor - verdict.value
    digits = 4 if short >= _SHOWN else 9  # 0.8500 must not read as short of 0.8500
    observed = f"{verdict.value:.{digits}f}, {short:.{digits}f} short"
    return [
        Finding(
            check="metrics.floor",
            subject=f"{verdict.metric} of {subject} ({verdict.rows} rows)",
            expected=f"at least {verdict.floor:.4f}",
            observed=observed if math.isfinite(verdict.value) else f"{verdict.value}, not a finite number",
            hint="compare data, recipe and versions with the last run that passed; the other tests of this task say "
            "where it broke. Lower the floor only if the drop is understood and accepted.",
        )
    ]
