"""Floors and ceilings from measured seeds, with a stated false-alarm rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.gates.power import drop_from_mean
from pytest_ftcheck.gates.tolerance import (
    CONFIDENCE,
    FALSE_ALARMS,
    FEWEST_SEEDS,
    SeedStatistics,
    tolerance_bound,
    tolerance_factor,
)
from pytest_ftcheck.gates.trivial import reached_by_trivial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.trivial import Trivial

_APART = 0.01
"""Fraction of normal samples of seeds in which the outlier test reports an outlier."""
_FEW_ROWS = 2
_MORE_SEEDS = 20


@dataclass(frozen=True)
class Session:
    """How later sessions will judge: the number of comparisons that share the false-alarm rate."""

    gates: int = 1
    """Number of limits in the session, over all tasks, engines, metrics and slices."""
    seeds: int = 1
    """Number of runs of each task and engine."""
    judged: Literal["each", "mean"] = "each"
    """Whether the limit applies to each run, or to the mean over the seeds."""
    false_alarms: float = FALSE_ALARMS
    """Fraction of a healthy model's sessions in which any gate may fail."""

    @property
    def runs(self) -> int:
        """The number of runs whose mean is compared with the limit."""
        return self.seeds if self.judged == "mean" else 1

    @property
    def false_alarms_of_gate(self) -> float:
        """False-alarm rate of one comparison, by Bonferroni: valid for any dependence of metrics and seeds."""
        return self.false_alarms / (self.gates * (1 if self.judged == "mean" else self.seeds))


@dataclass(frozen=True)
class Proposal:
    """A limit proposed from seeds of a healthy model, or the reason why there is none."""

    metric: str
    limit: float | None
    """Floor, or ceiling where smaller is better, with four decimals; None where refused."""
    greater_is_better: bool
    calibrated: SeedStatistics
    """Mean and spread over the seeds that did not fail; failed seeds have no effect. NaN where too few are left."""
    worst: float
    """Worst value of the seeds that did not fail."""
    session: Session
    smallest_drop: float
    """Smallest drop of the mean that such a session detects with 80% power; NaN where refused."""
    refused: str = ""
    """Why there is no limit, and what would help; empty where there is one."""
    notes: tuple[str, ...] = ()
    """Remarks to read before the limit is used."""

    def describe(self, part: str = "") -> str:
        """Describe in one line how the limit was computed, for the terminal and for a comment in a file.

        Args:
            part: name of the slice of the limit; empty for all rows.

        """
        session, seeds, named = self.session, self.calibrated, ", ".join(filter(None, [self.metric, part]))
        if self.limit is None:
            return f"{named}: no limit proposed: {self.refused}"
        side = "at or above" if self.greater_is_better else "at or below"
        judged = f"the mean of {session.seeds} seeds" if session.judged == "mean" else f"{session.seeds} seed(s), each"
        return (
            f"{named}: {seeds.seeds} seeds of mean {seeds.mean:.4f}, standard deviation {seeds.std:.4f}, worst "
            f"{self.worst:.4f}. A healthy model stays {side} {self.limit:.4f} in {1 - session.false_alarms:.1%} of the "
            f"sessions (gates: {session.gates}; judged: {judged}; holds for {CONFIDENCE:.0%} of such calibrations); a "
            f"drop of {self.smallest_drop:.4f} is seen with 80% power."
        )


def propose_limit(
    metric: str,
    values: Sequence[float],
    *,
    rows: int,
    greater_is_better: bool = True,
    failed: Sequence[bool] = (),
    trivial: Trivial | None = None,
    session: Session | None = None,
) -> Proposal:
    """Propose a limit from the metric of several seeds of one healthy recipe, on the same rows.

    The limit is a one-sided tolerance bound: see `pytest_ftcheck.gates.tolerance` for its meaning and assumptions. It
    is valid for exactly these rows, so that later values are compared with it without an interval
    (`Limits.calibrated`): the choice of rows is part of the calibration.

    Args:
        metric: key.
        values: ``[k]``, the value of each seed.
        rows: N, rows evaluated by each seed.
        greater_is_better: direction of the metric: a floor, or a ceiling.
        failed: ``[k]``, which runs failed; runs without a finite value count as failed, too. `failed_runs` gates their
            number: a limit below a collapsed run would let every regression pass.
        trivial: the best trivial classifier on these rows; a limit that it reaches is refused.
        session: how later sessions judge; default: one gate, one seed, 1%.

    Raises:
        SettingsError: fewer than 3 values, or the lengths of ``values`` and ``failed`` differ.

    """
    session = session or Session()
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) < FEWEST_SEEDS or (failed and len(failed) != len(numbers)):
        msg = f"a calibration needs at least {FEWEST_SEEDS} seeds, failed or not: got {len(numbers)} values"
        raise SettingsError(msg + (f" and {len(failed)} verdicts." if failed else "."))
    kept = numbers[np.isfinite(numbers) & ~np.asarray(failed or [False] * len(numbers), dtype=np.bool_)]
    lost = len(numbers) - len(kept)
    if len(kept) < FEWEST_SEEDS:
        nan = float("nan")
        refused = (
            f"{lost} of {len(numbers)} seeds failed. Make the recipe train first: a lower learning rate, more steps."
        )
        unknown = SeedStatistics(nan, nan, len(kept), lost)
        return Proposal(metric, None, greater_is_better, unknown, nan, session, nan, refused)
    limit = float(
        tolerance_bound(
            metric,
            kept,
            rows,
            greater_is_better=greater_is_better,
            false_alarms=session.false_alarms_of_gate,
            runs=session.runs,
        )
    )
    calibrated = SeedStatistics(float(kept.mean()), float(kept.std(ddof=1)), len(kept), lost)
    refused = _refusal(limit, calibrated, trivial, session, greater_is_better=greater_is_better)
    return Proposal(
        metric=metric,
        limit=None if refused else limit,
        greater_is_better=greater_is_better,
        calibrated=calibrated,
        worst=float(kept.min() if greater_is_better else kept.max()),
        session=session,
        smallest_drop=float("nan") if refused else drop_from_mean(calibrated, limit, session.runs),
        refused=refused,
        notes=_notes(kept, calibrated, rows, greater_is_better=greater_is_better),
    )


def _refusal(
    limit: float,
    calibrated: SeedStatistics,
    trivial: Trivial | None,
    session: Session,
    *,
    greater_is_better: bool,
) -> str:
    """Return the message about a limit that a trivial classifier reaches, and what would help; empty if none does."""
    reached = reached_by_trivial(limit, trivial, greater_is_better=greater_is_better)
    if not reached or trivial is None:
        return ""
    edge = trivial.high if greater_is_better else trivial.low
    mean, seeds = calibrated.mean, calibrated.seeds
    if not (mean > edge if greater_is_better else mean < edge):
        return f"{reached} The seeds reach only {mean:.4f} on average: more steps, or a better checkpoint, would help."
    several = [] if session.judged == "mean" else ["gating the mean of several seeds (--ftcheck-calibrate-runs)"]
    help_ = ["more steps, which reduce the spread of seeds", *several, "or more evaluation rows"]
    if seeds < _MORE_SEEDS:
        few, many = (tolerance_factor(k, session.false_alarms_of_gate, session.runs) for k in (seeds, _MORE_SEEDS))
        help_.insert(
            1, f"{_MORE_SEEDS} seeds (the limit is then {many:.1f} standard deviations from the mean, not {few:.1f})"
        )
    spread = f"The mean is {mean:.4f}, but the standard deviation over seeds is {calibrated.std:.4f}"
    return f"{reached} {spread}: {', '.join(help_)} would help."


def _notes(
    kept: NDArray[np.float64], calibrated: SeedStatistics, rows: int, *, greater_is_better: bool
) -> tuple[str, ...]:
    notes = []
    if calibrated.failed:
        notes.append(
            f"{calibrated.failed} of {calibrated.failed + calibrated.seeds} seeds failed and are left out: another "
            "gate limits the number of failed runs"
        )
    worst = float(kept.min() if greater_is_better else kept.max())
    # The distance must be several rows: otherwise ten equal seeds and one with one more wrong row would be enough.
    apart = abs(worst - calibrated.mean) > max(_grubbs(len(kept)) * calibrated.std, _FEW_ROWS / rows)
    if apart:
        notes.append(
            f"the worst seed, {worst:.4f}, is an outlier, but the bound assumes that seeds are nearly normal: "
            "expect more false alarms than stated, until more seeds show how often this happens"
        )
    return tuple(notes)


def _grubbs(seeds: int) -> float:
    """Return the critical distance of an outlier in standard deviations, for 1% of normal samples (Grubbs 1950)."""
    squared = float(stats.t.isf(_APART / seeds, seeds - 2)) ** 2
    return (seeds - 1) / math.sqrt(seeds) * math.sqrt(squared / (seeds - 2 + squared))
