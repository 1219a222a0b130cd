"""Checks of the reported metrics: they exist, fit their names, and belong to the weights that were kept.

`chance` checks how good they are, `evaluated` the rows, `loss` the loss.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from transformers import EvalPrediction

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.masked_runs import require_logits_of_metrics, require_same_labels
from pytest_ftcheck.checks.metrics.bounds import is_bounded
from pytest_ftcheck.checks.metrics.entity_metrics import wrong_entity_metrics
from pytest_ftcheck.checks.metrics.known import agrees, known_values
from pytest_ftcheck.checks.metrics.rows import SingleLabelRows, evaluated, in_shape
from pytest_ftcheck.checks.metrics.tagged import has_tags
from pytest_ftcheck.checks.training.declared import own_callbacks
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.traits import LABEL_PER_ROW, LABEL_SETS
from pytest_ftcheck.pipeline.trainer_metrics import MetricsOfMore
from pytest_ftcheck.tasks.metric_names import known_direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.run import Run

_PREFIX = "eval_"
_FLIPPED = 2
"""Number of rows whose class may change between two evaluations of the same weights, in batches of other widths."""
_DEARER, _LOWER = 0.2, 0.02
"""How much worse an average of weights may be than the last weights: in loss (relative), in a bounded metric."""


@check(
    "metrics.recomputed",
    cost="run",
    thresholds={"difference": 1e-4},
    tolerance={"float32": 1e-3, "bfloat16": 5e-2, "float16": 5e-2},
    catches="argmax over the wrong axis, swapped arguments, a metric of other rows or of another epoch's weights",
    hint="look at compute_metrics: use argmax over the last axis, the right order of predictions and references, the "
    "average of the metric's name, and no state of earlier calls.",
)
def recomputed(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Reported metrics agree with metrics that are computed again from logits and label ids.

    They are compared with three sources: ``compute_metrics`` itself; scikit-learn and SciPy if the name is known
    (seqeval for tags, the head itself for other heads, `metrics.label_threshold` for sets of labels); and the epoch
    whose weights were kept. ``difference`` is absolute, relative above 1; ``tolerance`` applies to the epoch.

    Assumes: a metric is a function of logits and labels.

    Unusual but healthy: metrics that differ from call to call, and unknown names, pass.

    False alarms: none by chance. Two rows whose class changes by rounding are allowed.
    """
    require_same_labels(evidence)
    require_logits_of_metrics(evidence)
    judgements = (
        _against_itself(evidence, thresholds["difference"]),
        _against_known(evidence, thresholds["difference"]),
        _against_epoch(evidence, thresholds["tolerance"]),
    )
    if all(judgement is None for judgement in judgements):
        msg = "no metric of a known name, no epoch to compare with, and compute_metrics cannot be called again"
        raise NotApplicable(msg)
    return [entry for judgement in judgements for entry in judgement or ()]


def _near(left: float, right: float, tolerance: float) -> bool:
    """Compare two values of one metric; NaN is near NaN, which `metrics.keys` reports."""
    both_nan = math.isnan(left) and math.isnan(right)
    return both_nan or abs(left - right) <= tolerance * max(1.0, abs(right))


def _against_itself(evidence: Evidence, difference: float) -> list[Finding] | None:
    """Compare with ``compute_metrics`` of the run's logits and labels; None if it cannot be called."""
    run = evidence.run
    again = _called(evidence)
    if not any(key in run.metrics for key in again):
        return None
    apart = [key for key in again if key in run.metrics and not _near(run.metrics[key], again[key], difference)]
    # A metric that differs from call to call by design, such as a bootstrapped interval or a time, is no defect.
    second = _called(evidence) if apart else {}
    return [
        finding(
            f"{key} = {again[key]:.6g}, as compute_metrics gives for the run's logits and label ids",
            f"{run.metrics[key]:.6g} was reported",
            hint="the metric was computed on other rows than those of the returned logits, with other weights, or was "
            "changed afterwards: look at code that evaluates or changes metrics after training.",
        )
        for key in apart
        if key in second and _near(second[key], again[key], difference)
    ]


def _called(evidence: Evidence) -> dict[str, float]:
    """Call ``compute_metrics``; an empty dict if it needs more than logits and label ids."""
    run, compute = evidence.run, evidence.pipeline.compute_metrics
    if compute is None or isinstance(compute, MetricsOfMore):
        return {}
    try:
        # Pass copies: it may change its arguments.
        given = EvalPrediction(predictions=run.logits.copy(), label_ids=run.label_ids.copy())
        values = compute(given)
        return {key.removeprefix(_PREFIX): float(value) for key, value in values.items() if np.ndim(value) == 0}
    except Exception:  # noqa: BLE001 - it may want hidden states or inputs, which a run does not keep
        return {}


def _against_known(evidence: Evidence, difference: float) -> list[Finding] | None:
    """Compare every metric of a well-known name with scikit-learn and SciPy; None if there is none."""
    if has_tags(evidence):
        return wrong_entity_metrics(evidence, difference)
    card, traits = evidence.pipeline.card, evidence.pipeline.card.head_rules.traits
    if LABEL_SETS in traits and card.metric.path not in card.head_rules.scoring.own_metrics:
        # Thresholds and averages may be the user's own: `metrics.label_threshold` decides which are mistakes.
        return None
    if LABEL_PER_ROW not in traits:
        return _against_head(evidence, difference)
    try:
        rows = evaluated(evidence)
    except NotApplicable:
        return None
    # Some projects count rows without a label (-100) as wrong, others leave them out.
    readings = [rows] if rows.has_label.all() or not rows.has_label.any() else [rows, rows.take(rows.has_label)]
    findings, judged = [], False
    for key, reported in evidence.run.metrics.items():
        values = [value for reading in readings for value in known_values(key, reading).values()]
        if not values or not math.isfinite(reported):
            continue
        judged = True
        if not any(agrees(reported, value, difference) for value in values):
            findings.append(_wrong_value(key, reported, rows, difference))
    return findings if judged else None


def _against_head(evidence: Evidence, difference: float) -> list[Finding] | None:
    """Compare every metric that the head itself computes from rows; None if there is none."""
    logits, label_ids = in_shape(evidence)
    card = evidence.pipeline.card
    rows = EvaluatedRows.of_logits(logits, label_ids, card.head, card.label_names)
    reported = {key: value for key, value in evidence.run.metrics.items() if key != "loss" and math.isfinite(value)}
    metrics = {key: rows.head_rules.scoring.row_metric(key, rows) for key in reported}
    values = {key: metric_value(metric) for key, metric in metrics.items() if metric is not None}
    if not values:
        return None
    return [
        finding(
            f"{key} = {value:.4f}, as head {rows.head_rules.name!r} computes it from the logits and label ids of "
            f"{len(rows)} rows",
            f"{reported[key]:.6g} was reported",
        )
        for key, value in values.items()
        if not agrees(reported[key], value, difference)
    ]


def _wrong_value(key: str, reported: float, rows: SingleLabelRows, difference: float) -> Finding:
    right = ", ".join(f"{value:.4f}" + (f" ({how})" if how else "") for how, value in known_values(key, rows).items())
    what = "the values" if rows.regression else "the argmax over the last axis of the logits"
    return finding(
        f"{key} of {what} and the label ids of {len(rows)} rows: {right}",
        f"{reported:.6g} was reported{_mistake(key, reported, rows, difference)}",
    )


def _mistake(key: str, reported: float, rows: SingleLabelRows, difference: float) -> str:
    """Name a mistake that gives the reported value; an empty text if none is known."""
    if any(agrees(reported, value, difference) for value in known_values(key, rows.swapped()).values()):
        return f": that is {key} with predictions and references swapped"
    others = ("accuracy", "f1", "precision", "recall", "mcc", "pearson", "spearman", "mse", "rmse", "mae")
    for name in others:
        if any(agrees(reported, value, difference) for value in known_values(name, rows).values()):
            return f": that is {name}"
    return ""


def _against_epoch(evidence: Evidence, tolerance: float) -> list[Finding] | None:
    """Compare with the metrics that were logged when the kept weights were trained; None if none were logged.

    A callback of the user's own may restore the weights of any epoch, or an average of weights: if those are not
    clearly worse, the check warns.
    """
    run = evidence.run
    judged = _apart_from(run, kept_epoch(run), tolerance)
    own = own_callbacks(evidence) if judged and run.best_epoch is None else ""
    if not judged or not own:
        return judged
    if any(_apart_from(run, entry, tolerance) == [] for entry in run.epochs):
        return []
    # An average of weights that replaces the weights at the end is another model, of about the same quality.
    worse = any(_is_worse(key, run.metrics[key], value) for key, value in kept_epoch(run).items() if key in run.metrics)
    with_callbacks = [replace(entry, observed=f"{entry.observed} (callbacks: {own})") for entry in judged]
    return with_callbacks if worse else [replace(entry, level="warn") for entry in with_callbacks]


def _is_worse(key: str, value: float, before: float) -> bool:
    """Return whether a bounded metric, or a loss, is worse than before by more than another model may be."""
    if key != "loss" and not is_bounded(key):
        return False
    drop = value - before if key == "loss" or not known_direction(key) else before - value
    # Written so that NaN counts as worse.
    return not drop <= (_DEARER * abs(before) if key == "loss" else _LOWER)


def _apart_from(run: Run, entry: Mapping[str, float], tolerance: float) -> list[Finding] | None:
    """Compare with the metrics that were logged after one epoch; None if none were logged."""
    shared = [key for key in entry if key in run.metrics and (key == "loss" or is_bounded(key))]
    if not shared:
        return None
    which = f"of epoch {run.best_epoch}, the best" if run.best_epoch else "after the last epoch"
    allowed = {key: tolerance if key == "loss" else max(tolerance, _FLIPPED / len(run.label_ids)) for key in shared}
    return [
        finding(
            f"{key} = {entry[key]:.6g}, as it was logged {which}, within {allowed[key]:.2g}",
            f"{run.metrics[key]:.6g} for the weights that were kept",
            hint="the kept weights are not those of that epoch, the two evaluations used different rows, or a "
            "layer behaves differently each time: dropout that is active in evaluation, batch statistics.",
        )
        for key in shared
        if not _near(run.metrics[key], entry[key], allowed[key])
    ]


def kept_epoch(run: Run) -> Mapping[str, float]:
    """Return the entry of ``run.epochs`` of the kept weights; empty if there is none."""
    if run.best_epoch is not None:
        return run.epochs[run.best_epoch - 1]
    # An evaluation every n steps may not have seen the last weights.
    last = run.epochs[-1] if run.epochs else {}
    return last if last.get("step") == len(run.step_losses) else {}


@check(
    "metrics.keys",
    cost="run",
    catches="a metric that is declared and never computed, NaN, a metric_for_best_model that does not exist",
    hint="compare the keys that compute_metrics returns with the card's metric table and metric_for_best_model; "
    "a correlation of constant predictions is NaN.",
)
def keys(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every declared metric is reported as a finite number; if another metric is NaN, the check warns.

    Assumes: every declared metric is reported as a number.

    Unusual but healthy: other metrics may be missing; a metric that decides nothing, and is undefined for a class
    without rows, only warns.

    False alarms: none by chance.
    """
    del thresholds
    reported, declared = evidence.run.metrics, _declared(evidence)
    undefined = [key for key, value in reported.items() if math.isnan(value) and key not in {*declared, "loss"}]
    findings = [warning(f"a number for {key}, which is reported", "nan", share=0.0) for key in undefined]
    for key, why in declared.items():
        if key not in reported:
            findings.append(finding(f"a metric {key!r}: {why}", f"only {', '.join(reported) or 'none'}"))
        elif not math.isfinite(reported[key]):
            findings.append(finding(f"a finite {key}: {why}", f"{reported[key]}"))
    if "loss" in reported and not math.isfinite(reported["loss"]):
        findings.append(finding("a finite evaluation loss", f"{reported['loss']}"))
    return findings


def _declared(evidence: Evidence) -> dict[str, str]:
    """Return the required metrics, and why each is required."""
    pipeline = evidence.pipeline
    card = pipeline.card
    declared = dict.fromkeys(card.floors(pipeline.tier, pipeline.checkpoint.name), "it has a floor")
    # For a user's compute_metrics, the card has all its keys; only those that decide are required.
    all_declared = pipeline.source.evaluation.gives_all_declared
    names = list(card.metric.greater_is_better) if all_declared else [card.metric_for_best_model]
    declared |= dict.fromkeys(names, "the card declares it")
    best = pipeline.args.get("metric_for_best_model")
    if best:
        declared[str(best)] = "it is metric_for_best_model"
    return {key.removeprefix(_PREFIX): why for key, why in declared.items()}
