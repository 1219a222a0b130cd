"""Verdicts of gates on a metric of one run or of several seeds: entries of the JSON document."""

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
    """The run that a gate judged; for metrics without a run, the known values."""

    task: str
    """Name of the task; ``-`` where there is none."""
    engine: str
    """Engine of the run; ``-`` for metrics without a run."""
    seed: int | Literal["-"]
    """Seed of the run; ``-`` for metrics without a run."""
    seconds: float = 0.0
    """Duration of the training, in seconds."""
    reused: bool = False
    """True if the run was not trained in this session."""

    @classmethod
    def of_run(cls, run: Run) -> GateOrigin:
        """Return the origin of a run."""
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
    """Key of the metric."""
    slice: str
    """Name of the slice; empty for all rows."""
    value: float
    """Value of the metric; NaN where the run does not report it."""
    missing: bool
    """True if the run does not report the metric."""
    interval: list[float] | None
    """Both ends of the 95% interval of the value; null where it is unknown."""
    interval_method: str | None
    """Method of the interval; null where there is none."""
    floor: float | None
    """The limit, a floor or a ceiling; null where there is none."""
    margin: float | None
    """Value minus limit."""
    limits: Limits
    """All limits of the metric."""
    smallest_drop: float | None
    """Smallest drop that the gate detects with 80% power; null where it is unknown."""
    drop: Drop | None
    """Drop against the baseline; null where there is none."""
    status: Status
    """The verdict."""
    informs: bool
    """True if several seeds are judged together: the verdict on this seed alone does not fail."""
    failed: bool
    """True if the run is degenerate."""
    rows: int
    """Number of judged rows."""


@dataclass(frozen=True, kw_only=True)
class _OfSeed:
    seed: int
    """Seed with the median drop."""


@dataclass(frozen=True)
class SeedDrop(Drop, _OfSeed):
    """The median drop of several seeds against the baseline."""


@dataclass(frozen=True, kw_only=True)
class SeedGateRecord:
    """The verdict on one metric over several seeds, on all rows or on a slice of them."""

    task: str
    """Name of the task."""
    engine: str
    """Engine of the seeds."""
    metric: str
    """Key of the metric."""
    slice: str
    """Name of the slice; empty for all rows."""
    rows: int
    """Number of judged rows of each seed."""
    floor: float | None
    """The limit, a floor or a ceiling; null where there is none."""
    limits: Limits
    """All limits of the metric."""
    value: float
    """Mean over the seeds that did not fail."""
    interval: list[float] | None
    """Both ends of the 95% interval of the mean over seeds; null where it is unknown."""
    bounds: list[float] | None
    """One-sided bounds of the mean over seeds at the false-alarm rate of the limits; null where unknown."""
    margin: float | None
    """Mean minus limit."""
    smallest_drop: float | None
    """Smallest drop of the mean that is detected with 80% power; null where it is unknown."""
    values: dict[str, float]
    """Values by seed."""
    worst_seed: int
    """Seed with the lowest value, or the highest where smaller is better."""
    failed: list[int]
    """Seeds that failed."""
    drop: SeedDrop | None
    """Median drop against the baseline; null where there is none."""
    status: Status
    """The worst verdict of mean, failed seeds and drop."""
    findings: list[Finding]
    """Findings that fail or are inconclusive."""
    seconds: float
    """Duration of the training of all seeds together, in seconds."""
    reused: bool
    """True if no seed was trained in this session."""


@dataclass(frozen=True, kw_only=True)
class MetricChange:
    """A metric of a run, and of the accepted run that it is compared with."""

    before: float
    """Value of the accepted run."""
    after: float
    """Value of this run."""
    worse: float
    """Change in the direction of the metric, positive where it got worse."""
    gated: bool
    """True if its drop is limited."""


def gate_record(
    verdict: Verdict, origin: GateOrigin, *, name: str = "", informs: bool = False, failed: bool = False
) -> GateRecord:
    """Make a record of a verdict.

    Args:
        verdict: verdict on a metric.
        origin: the judged run.
        name: name of the slice; empty for all rows.
        informs: True if several seeds are judged together.
        failed: True if the run is degenerate.

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
    """Return both ends; None where the interval is unknown."""
    return None if interval is None or not interval.known else [interval.low, interval.high]
