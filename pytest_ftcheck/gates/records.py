"""What a gate said of one metric of one run, as plain values that travel between processes and into documents."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class GateOrigin:
    """The run that a gate judged; of metrics that come from elsewhere, what is known."""

    task: str
    engine: str
    seed: int | Literal["-"]
    seconds: float = 0.0
    """Of training."""
    reused: bool = False

    @classmethod
    def of_run(cls, run: Run) -> GateOrigin:
        """Name a run."""
        return cls(
            task=run.task,
            engine=run.engine,
            seed=run.seed,
            seconds=run.timings.get("train", 0.0),
            reused=run.reused,
        )


@dataclass(frozen=True, kw_only=True)
class GateRecord(GateOrigin):
    """The verdict on one metric of a run, on all rows or on a slice of them."""

    metric: str
    slice: str
    """Name of the slice; empty: all rows."""
    value: float
    missing: bool
    interval: list[float] | None
    """Both ends of the 95% interval of the value; None where it is not known."""
    interval_method: str | None
    floor: float | None
    """The limit, of a ceiling too; None: nothing is asked."""
    margin: float | None
    """Value minus limit."""
    limits: dict[str, Any]
    smallest_drop: float | None
    """The smallest drop that a gate on so many rows sees."""
    drop: dict[str, Any] | None
    """Against the baseline."""
    status: str
    """``pass``, ``fail``, ``inconclusive`` or ``ungated``."""
    informs: bool
    """Several seeds are judged together: this one alone decides nothing."""
    failed: bool
    """The run is degenerate."""
    rows: int


def gate_record(
    verdict: Verdict, origin: GateOrigin, *, name: str = "", informs: bool = False, failed: bool = False
) -> GateRecord:
    """Record a verdict.

    Args:
        verdict: on a metric.
        origin: the run that was judged.
        name: of the slice; empty for all rows.
        informs: several seeds are judged together: this one alone decides nothing.
        failed: the run is degenerate.

    """
    limits = verdict.limits
    return GateRecord(
        **asdict(origin),
        metric=verdict.metric,
        slice=name,
        value=verdict.value,
        missing=verdict.missing,
        interval=interval_ends(verdict.interval),
        interval_method=None if verdict.interval is None else verdict.interval.method,
        floor=limits.limit,
        margin=None if limits.limit is None else verdict.value - limits.limit,
        limits=asdict(limits),
        smallest_drop=verdict.smallest_drop,
        drop=None if verdict.drop is None else asdict(verdict.drop),
        status=verdict.status,
        informs=informs,
        failed=failed,
        rows=verdict.rows,
    )


def interval_ends(interval: Interval | None) -> list[float] | None:
    """Return both ends; None where the interval is not known."""
    return None if interval is None or not interval.known else [interval.low, interval.high]
