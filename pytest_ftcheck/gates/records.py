"""What gates said of one metric, of one run or of several seeds: entries of the JSON document."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

# The fields of records are read at run time.
from pytest_ftcheck.findings import Finding  # noqa: TC001 - as above
from pytest_ftcheck.gates.limits import Limits, Status  # noqa: TC001 - as above
from pytest_ftcheck.gates.paired import Drop

if TYPE_CHECKING:
    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class GateOrigin:
    """The run that a gate judged; of metrics that come from elsewhere, what is known."""

    task: str
    """Name of the task; ``-`` where there is none."""
    engine: str
    """``-`` where the metrics come from elsewhere."""
    seed: int | Literal["-"]
    """``-`` where the metrics come from elsewhere."""
    seconds: float = 0.0
    """Of training."""
    reused: bool = False
    """It was not trained in this session."""

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
    """Its key."""
    slice: str
    """Name of the slice; empty: all rows."""
    value: float
    """NaN where the run does not report it."""
    missing: bool
    """The run does not report it."""
    interval: list[float] | None
    """Both ends of the 95% interval of the value; null where it is not known."""
    interval_method: str | None
    """How the interval was made; null where there is none."""
    floor: float | None
    """The limit, of a ceiling too; null where none is asked."""
    margin: float | None
    """Value minus limit."""
    limits: Limits
    """What is asked of the metric."""
    smallest_drop: float | None
    """The smallest drop that a gate on so many rows sees with 80% power."""
    drop: Drop | None
    """Against the baseline."""
    status: Status
    """The verdict."""
    informs: bool
    """Several seeds are judged together: this one alone decides nothing."""
    failed: bool
    """The run is degenerate."""
    rows: int
    """That were judged."""


@dataclass(frozen=True, kw_only=True)
class _OfSeed:
    seed: int
    """Whose drop is in the middle."""


@dataclass(frozen=True)
class SeedDrop(Drop, _OfSeed):
    """The drop of the seed in the middle, against the baseline."""


@dataclass(frozen=True, kw_only=True)
class SeedGateRecord:
    """The verdict on one metric over several seeds, on all rows or on a slice of them."""

    task: str
    """Name of the task."""
    engine: str
    """That trained the seeds."""
    metric: str
    """Its key."""
    slice: str
    """Name of the slice; empty: all rows."""
    rows: int
    """That each seed was judged on."""
    floor: float | None
    """The limit, of a ceiling too; null where none is asked."""
    limits: Limits
    """What is asked of the metric."""
    value: float
    """The mean over the seeds that did not fail."""
    interval: list[float] | None
    """Both ends of the 95% interval of the mean, over seeds; null where it is not known."""
    bounds: list[float] | None
    """One-sided bounds on the mean, over seeds, at the false-alarm rate of the limits; null where not known."""
    margin: float | None
    """Mean minus limit."""
    smallest_drop: float | None
    """The smallest drop of the mean that is seen with 80% power."""
    values: dict[str, float]
    """By seed."""
    worst_seed: int
    """With the lowest value, or the highest where smaller is better."""
    failed: list[int]
    """Seeds that failed."""
    drop: SeedDrop | None
    """Against the baseline."""
    status: Status
    """The worst one of mean, failed seeds and drop."""
    findings: list[Finding]
    """What is red or inconclusive."""
    seconds: float
    """Of training, of all seeds together."""
    reused: bool
    """No seed was trained in this session."""


@dataclass(frozen=True, kw_only=True)
class MetricChange:
    """A metric of a run, and of the accepted run that it is compared with."""

    before: float
    """Value of the accepted run."""
    after: float
    """Value of this run."""
    worse: float
    """Positive where it got worse, in the direction of the metric."""
    gated: bool
    """Its drop is limited."""


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
        limits=limits,
        smallest_drop=verdict.smallest_drop,
        drop=verdict.drop,
        status=verdict.status,
        informs=informs,
        failed=failed,
        rows=verdict.rows,
    )


def interval_ends(interval: Interval | None) -> list[float] | None:
    """Return both ends; None where the interval is not known."""
    return None if interval is None or not interval.known else [interval.low, interval.high]
