"""Floors: the minimum that a metric must reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.runs.run import Run


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
        """``pass``, ``fail``, or ``no floor``. A NaN fails."""
        if self.floor is None:
            return "no floor"
        return "pass" if self.value >= self.floor else "fail"


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
    short = f"{verdict.floor - verdict.value:.4f} short" if verdict.value == verdict.value else "not a number"
    return [
        Finding(
            check="metrics.floor",
            subject=f"{verdict.metric} of {subject} ({verdict.rows} rows)",
            expected=f"at least {verdict.floor:.4f}",
            observed=f"{verdict.value:.4f}, {short}",
            hint="compare data, recipe and versions with the last run that passed; the other tests of this task say "
            "where it broke. Lower the floor only if the drop is understood and accepted.",
        )
    ]
