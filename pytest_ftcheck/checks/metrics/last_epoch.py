"""Checks of the weights that were kept: they are about as good as those of the best evaluation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.metrics.bounds import is_bounded
from pytest_ftcheck.checks.metrics.healthy import deviation_of
from pytest_ftcheck.checks.metrics.rows import judged
from pytest_ftcheck.checks.training.declared import arguments
from pytest_ftcheck.heads.traits import CLASSES
from pytest_ftcheck.tasks.metric_names import direction_of

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_PREFIX = "eval_"
_BINARY, _FEWEST = 2, 10
"""Number of classes, and of rows of the rarer one below which its metrics vary strongly from epoch to epoch."""


@check(
    "metrics.last_epoch",
    cost="run",
    thresholds={"drop": 0.05, "deviations": 4.0, "rise": 1.0},
    false_alarms=1e-3,
    catches="training that overfits or collapses at the end while its last weights are kept, wrong greater_is_better",
    hint="keep the best epoch (load_best_model_at_end=True, with the right greater_is_better), train fewer epochs, or "
    "lower the learning rate.",
)
def last_epoch(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The weights that were kept are about as good as those of the best epoch.

    A metric may fall by ``drop`` (of its range from 0 to 1) or by ``deviations`` standard errors, whichever is more; an
    error may rise by a fraction ``rise`` of its lowest value.

    Assumes: the last weights are about as good as the best.

    Unusual but healthy: metrics of few rows, such as the F1 of a rare class, may fall by their own noise, and without
    limit below 10 rows; a loss may rise up to ln K.

    False alarms: at most 1e-3 for up to 30 evaluations (4 standard errors of a difference; independent rows).
    """
    run = evidence.trained_run
    key = _deciding_key(evidence)
    values = np.array([entry[key] for entry in run.epochs if math.isfinite(entry.get(key, math.nan))])
    if len(run.epochs) == 1 or len(values) == 0 or key not in run.metrics:
        msg = "there is nothing to compare: fewer than two evaluations during training"
        raise NotApplicable(msg)
    greater, kept = _direction(evidence, key), run.metrics[key]
    best = float(values.max() if greater else values.min())
    if greater:
        allowed = best - _allowed_drop(key, best, kept, len(run.label_ids), thresholds)
        if kept < allowed:  # a metric of few rows, such as the F1 of a rare class, varies more by chance
            allowed = min(allowed, best - thresholds["deviations"] * math.sqrt(2) * _deviation(evidence, key))
        fine = kept >= allowed
    else:
        allowed = best + thresholds["rise"] * abs(best)
        # A loss may rise because a classifier becomes overconfident; above ln K it is worse than a guess.
        if key == "loss" and CLASSES in run.head_rules.traits:
            allowed = max(allowed, math.log(max(run.logits.shape[-1], 2)))
        fine = kept <= allowed
    if fine:
        return []
    epoch = int(values.argmax() if greater else values.argmin()) + 1
    which = f"those of epoch {run.best_epoch}" if run.best_epoch else "the last ones"
    course = ", ".join(f"{value:.4g}" for value in values)
    return [
        finding(
            f"{key} {'at least' if greater else 'at most'} {allowed:.4g}: evaluation {epoch} of {len(values)} reached "
            f"{best:.4g}",
            f"{kept:.4g} with the weights that were kept, {which}; over the evaluations: {course}",
        )
    ]


def _direction(evidence: Evidence, key: str) -> bool:
    """Return whether higher is better: by the name, else by the arguments' greater_is_better."""
    by_name, declared = direction_of(key), arguments(evidence)
    if by_name is None and str(declared.metric_for_best_model or "").removeprefix(_PREFIX) == key:
        return bool(declared.greater_is_better)
    return by_name is not False


def _deviation(evidence: Evidence, key: str) -> float:
    """Return the standard error of the run's metric, from its rows; 0 if its name is not known."""
    try:
        rows = judged(evidence)
    except NotApplicable:
        return 0.0
    # F1 and similar metrics depend on the rarer of two classes: a few rows are not enough.
    if rows.num_labels == _BINARY and key not in ("accuracy", "acc") and np.bincount(rows.labels).min() < _FEWEST:
        return math.inf
    return deviation_of(key, evidence.run.metrics[key], rows)


def _deciding_key(evidence: Evidence) -> str:
    """Name the metric by which epochs are compared: the declared one, the loss only if there is no other."""
    run, card = evidence.run, evidence.pipeline.card
    best = str(evidence.pipeline.args.get("metric_for_best_model") or card.metric_for_best_model)
    names = [best.removeprefix(_PREFIX), *(key.removeprefix(_PREFIX) for key in card.metric.greater_is_better), "loss"]
    if run.best_epoch is None:
        names = [name for name in names if name != "loss"] + ["loss"]
    return next((name for name in names if run.epochs and name in run.epochs[-1]), names[0])


def _allowed_drop(key: str, best: float, kept: float, rows: int, thresholds: Thresholds) -> float:
    """Return the allowed drop of a metric, by its limit or by chance; independent samples are a cautious assumption."""
    scale = 100.0 if max(abs(best), abs(kept)) > 1 and is_bounded(key) else max(1.0, abs(best))
    middle = (best + kept) / 2 / scale
    share = min(max(middle if middle > 0 else 0.0, 0.05), 0.95)
    deviation = math.sqrt(2 * share * (1 - share) / rows)
    return scale * max(thresholds["drop"], thresholds["deviations"] * deviation)
