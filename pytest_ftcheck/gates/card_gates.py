"""The gates of a card: applies its limits to a run of its pipeline, on all rows and on slices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.intervals import UNKNOWN
from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.row_metrics import resolve_metric
from pytest_ftcheck.gates.slices import SliceScore, slice_scores
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, SeedStatistics
from pytest_ftcheck.gates.verdicts import judge, judge_slice
from pytest_ftcheck.tasks.card import slice_family
from pytest_ftcheck.tasks.floors import MetricLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.heads.rows import EvaluatedRows
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.tasks.floors import CalibratedSeeds

NO_LIMITS = MetricLimits()


def limits_for(
    metric_limits: MetricLimits,
    *,
    greater_is_better: bool,
    rows: int,
    runs: int = 1,
    false_alarms: float = FALSE_ALARMS,
) -> Limits:
    """Convert a card's limits of a metric to limits for the judged rows.

    A limit that was calibrated on other rows, or for a mean of more runs, is treated as one that was set by hand.

    Args:
        metric_limits: limits of the card.
        greater_is_better: direction of the metric.
        rows: number of judged rows.
        runs: number of runs whose mean is judged.
        false_alarms: fraction of a healthy model's comparisons that may fail.

    """
    seeds = metric_limits.calibrated
    return Limits(
        limit=metric_limits.limit,
        greater_is_better=greater_is_better,
        calibrated=None if seeds is None or seeds.rows != rows or seeds.runs > runs else _statistics(seeds),
        max_drop=metric_limits.max_drop,
        relative=metric_limits.relative,
        false_alarms=false_alarms,
    )


def judge_metric(
    pipeline: Pipeline,
    run: ComparedRun,
    metric: str,
    *,
    metric_limits: MetricLimits | None = None,
    greater_is_better: bool | None = None,
    masks: Mapping[str, Masks] | None = None,
    baseline: ComparedRun | None = None,
    false_alarms: float = FALSE_ALARMS,
) -> dict[str, Verdict]:
    """Judge one metric of a run of a pipeline by its card, or by other limits.

    Args:
        pipeline: pipeline of the run.
        run: the run.
        metric: key.
        metric_limits: limits; None: those of the card.
        greater_is_better: direction of the metric; None: that of the card.
        masks: masks by family of slices; see `pipeline_masks`. A slice is scored if the card limits it, and for the
            metric that decides which epoch is best.
        baseline: the accepted run. If it has no spread over seeds, the spread of the card is used.
        false_alarms: fraction of a healthy model's comparisons that may fail.

    Returns:
        The verdict on all rows under an empty name, then the verdicts on slices by name.

    Raises:
        DataError: the baseline has other rows, or the metric of a slice cannot be computed from rows.
        TaskError: the shape of the logits does not fit the head.

    """
    card, rows = pipeline.card, len(run.rows)
    metric_limits = metric_limits or limits_of(pipeline, metric)
    greater = card.greater_is_better(metric) if greater_is_better is None else greater_is_better
    limits = limits_for(metric_limits, greater_is_better=greater, rows=rows, false_alarms=false_alarms)
    if baseline is not None and limits.calibrated is not None:
        known = {metric: limits.calibrated, **baseline.calibrated}
        baseline = ComparedRun(baseline.metrics, baseline.rows, known)
    verdicts = {"": judge(run, metric, limits, subject=pipeline.subject, baseline=baseline)}
    chosen = _chosen(masks or {}, metric_limits, deciding=metric == card.metric_for_best_model)
    scores = _scores(pipeline, run, metric, chosen, limited=bool(metric_limits.slices))
    return verdicts | {score.name: _slice_verdict(pipeline, score, metric_limits, greater=greater) for score in scores}


def limited_slices(pipeline: Pipeline, run: ComparedRun, metric: str, masks: Mapping[str, Masks]) -> list[SliceScore]:
    """Score a metric on every slice that the card limits, in the order of the card.

    Args:
        pipeline: pipeline of the run.
        run: the run.
        metric: key.
        masks: result of `pipeline_masks`.

    Raises:
        DataError: the metric cannot be computed from rows.

    """
    chosen = _chosen(masks, limits_of(pipeline, metric), deciding=False)
    return _scores(pipeline, run, metric, chosen, limited=True)


def _scores(pipeline: Pipeline, run: ComparedRun, metric: str, chosen: Masks, *, limited: bool) -> list[SliceScore]:
    if not len(run.rows) or not run.rows.finite:
        return [SliceScore(name, metric, math.nan, UNKNOWN, int(mask.sum())) for name, mask in chosen.items()]
    if not chosen:
        return []
    name = resolve_metric(metric, run.rows, run.metrics.get(metric))
    if name is not None:
        return slice_scores(name, run.rows, chosen)
    if not limited:
        return []
    msg = (
        f"{metric} of task {pipeline.card.name!r} has no slices: it cannot be computed from single rows. "
        "Limit the slices of another metric, such as accuracy."
    )
    raise DataError(msg)


def limits_of(pipeline: Pipeline, metric: str, name: str = "") -> MetricLimits:
    """Return the card's limits of a metric or of one slice; `NO_LIMITS` where there is no limit."""
    metric_limits = pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name).get(metric, NO_LIMITS)
    return _limits_of_slice(metric_limits, name) if name else metric_limits


def degenerate(rows: EvaluatedRows) -> bool:
    """Whether a run failed: values that are not finite, or the same prediction for rows with different labels."""
    if not len(rows) or not rows.finite:
        return True
    return bool((rows.predictions == rows.predictions[0]).all()) and not bool(
        (rows.label_ids == rows.label_ids[0]).all()
    )


def session_share(
    pipelines: Mapping[str, Pipeline], masks: Mapping[str, Mapping[str, Masks]], *, engines: int, seeds: int
) -> float:
    """Return the false-alarm rate of one comparison, with a baseline or over several seeds, in a session.

    Args:
        pipelines: pipelines by task.
        masks: masks by task and family of slices.
        engines: number of engines of each task.
        seeds: number of seeds of each engine; with several, each limit means a gate of the mean and one of failed runs.

    """
    comparisons = 0
    for task, pipeline in pipelines.items():
        for metric_limits in pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name).values():
            limits = int(metric_limits.limit is not None) + len(
                _chosen(masks.get(task, {}), metric_limits, deciding=False)
            )
            comparisons += int(metric_limits.max_drop is not None) + (2 * limits if seeds > 1 else 0)
    return FALSE_ALARMS / max(comparisons * engines, 1)


def _slice_verdict(pipeline: Pipeline, score: SliceScore, metric_limits: MetricLimits, *, greater: bool) -> Verdict:
    limits = limits_for(_limits_of_slice(metric_limits, score.name), greater_is_better=greater, rows=score.rows)
    return judge_slice(score, limits, subject=pipeline.subject)


def _statistics(seeds: CalibratedSeeds) -> SeedStatistics:
    return SeedStatistics(seeds.mean, seeds.spread, int(seeds.seeds), int(seeds.failed))


def _chosen(masks: Mapping[str, Masks], metric_limits: MetricLimits, *, deciding: bool) -> Masks:
    """Return the slices to score for a metric, in the order of the card."""
    limited = {name.partition("=")[0] for name in metric_limits.slices}
    return {
        name: mask
        for spec, family in masks.items()
        if deciding or slice_family(spec) in limited
        for name, mask in family.items()
        if deciding or _limits_of_slice(metric_limits, name) is not NO_LIMITS
    }


def _limits_of_slice(metric_limits: MetricLimits, name: str) -> MetricLimits:
    """Return the limits of a slice, else those of its family."""
    return metric_limits.slices.get(name) or metric_limits.slices.get(name.partition("=")[0]) or NO_LIMITS
