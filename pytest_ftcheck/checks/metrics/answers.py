"""Checks of the answers of a run and of their metrics."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.columns import walk
from pytest_ftcheck.heads.answer_metrics import scored_answers
from pytest_ftcheck.heads.answers import (
    ANSWERS,
    MAX_ANSWER_LENGTH,
    QUESTION,
    REFERENCES,
    SCORES,
    WINDOWS,
    read_answers,
)
from pytest_ftcheck.heads.offsets import OFFSETS
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.traits import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_CLOSE = 1e-3
"""Points of 100 by which a metric may differ."""
_ROUNDING = 1e-4
"""Relative difference of scores that float32 explains."""


@check(
    "metrics.answers_recomputed",
    cost="run",
    needs=(QUESTIONS,),
    catches="exact match without normalisation, metrics of windows or of positions instead of answers, comparison with "
    "the first right answer only, fractions instead of percent",
    hint="compute exact match and F1 of texts, one for each question, as evaluate.load('squad') does: the best over "
    "all right answers, in lower case, without articles and punctuation, times 100.",
)
def answers_recomputed(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The reported metrics agree with the answers, by the official definitions of SQuAD.

    Assumes: ``exact_match``, ``exact`` and ``f1``, also with ``HasAns_`` and ``NoAns_``, are the metrics of SQuAD.

    Unusual but healthy: metrics of other names are not compared.

    False alarms: none by chance.
    """
    del thresholds
    rows, run = EvaluatedRows.of_run(evidence.run), evidence.run
    found, compared = [], 0
    for key, value in run.metrics.items():
        metric = rows.head_rules.scoring.row_metric(key, rows)
        right = math.nan if metric is None else metric_value(metric)
        if metric is None or (math.isnan(right) and math.isnan(value)):
            continue
        compared += 1
        if not abs(value - right) <= _CLOSE:
            observed = f"{value:.4f}{_mistake(evidence, key, value, right)}"
            found.append(finding(f"{key} = {right:.4f} over {len(rows)} questions", observed))
    if not compared:
        msg = "no metric of SQuAD is reported"
        raise NotApplicable(msg)
    return found


def _mistake(evidence: Evidence, key: str, value: float, right: float) -> str:
    """Name the mistake that gives this value; an empty text if none is known."""
    run = evidence.run
    if math.isclose(value * 100, right, abs_tol=_CLOSE):
        return ": a fraction, but SQuAD uses percent"
    ways = {
        "exact match of the texts as they are, without normalisation": _plain(run.outputs),
        "the fraction of windows whose two positions are right: count questions, not windows": _positions(evidence),
        "comparison with the first right answer only: take the best over all": _first_only(run.outputs, key),
        "with '' for every question without an answer counted as wrong": _answered_only(run.outputs, key),
    }
    return next((f": {how}" for how, other in ways.items() if abs(other - value) <= _CLOSE), "")


def _plain(outputs: Mapping[str, NDArray[Any]]) -> float:
    pairs = zip(outputs[ANSWERS].tolist(), outputs[REFERENCES].tolist(), strict=True)
    return 100 * float(np.mean([answer in (read_answers(reference) or [""]) for answer, reference in pairs]))


def _positions(evidence: Evidence) -> float:
    run = evidence.run
    return 100 * float((run.predictions == run.label_ids).all(axis=1).mean())


def _first_only(outputs: Mapping[str, NDArray[Any]], key: str) -> float:
    first = [json.dumps(read_answers(reference)[:1]) for reference in outputs[REFERENCES].tolist()]
    return 100 * float(scored_answers(outputs[ANSWERS].tolist(), first)[:, int(key == "f1")].mean())


def _answered_only(outputs: Mapping[str, NDArray[Any]], key: str) -> float:
    scores = scored_answers(outputs[ANSWERS].tolist(), outputs[REFERENCES].tolist())
    return 100 * float((scores[:, int(key == "f1")] * scores[:, 2]).mean())


@check(
    "metrics.best_windows",
    cost="run",
    needs=(QUESTIONS,),
    catches="the answer of the first or the last window instead of the best, an end before its start, answers in the "
    "question or of any length, a question that has two answers or none",
    hint="over all windows of a question, take the span of context tokens with the highest sum of start and end logit, "
    "with the start not after the end and at most 30 tokens.",
)
def best_windows(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Each question has one answer: the span of its context with the highest score over all of its windows.

    Assumes: the score of a span is the sum of both logits.

    Unusual but healthy: none known; a decoder of the user's own is skipped.

    False alarms: none by chance.
    """
    del thresholds
    run, pipeline = evidence.run, evidence.pipeline
    answers, count = run.outputs[ANSWERS], len(pipeline.data.evaluation)
    if len(answers) != count:
        return [finding(f"one answer for each of {count} questions", f"{len(answers)} answers")]
    if not np.isfinite(run.logits).all():
        msg = "logits are not finite: model.finite reports it"
        raise NotApplicable(msg)
    best = np.full(count, -np.inf)
    for window, (question, offsets) in enumerate(walk(pipeline.eval_dataset, [QUESTION, OFFSETS])):
        best[question] = max(best[question], _highest(run.logits[window].astype(np.float64), offsets))
    scores = run.outputs[SCORES][:, 0]
    wrong = np.flatnonzero(~(np.abs(scores - best) <= _ROUNDING * np.maximum(1, np.abs(best))))
    if not wrong.size:
        return []
    row = int(wrong[0])
    observed = f"{wrong.size} of {count} score otherwise; the first is question {row}: {str(answers[row])!r} scores "
    observed += f"{scores[row]:.4f} in window {run.outputs[WINDOWS][row]}, the best span {best[row]:.4f}"
    return [finding("the answer with the highest score over the windows of its question", observed)]


def _highest(logits: NDArray[Any], offsets: Any) -> float:
    """Return the highest score of a span, computed in a simple way: for each last token."""
    best = -math.inf
    for last, offset in enumerate(offsets):
        if offset is None:
            continue
        first = [at for at in range(max(0, last - MAX_ANSWER_LENGTH + 1), last + 1) if offsets[at] is not None]
        best = max(best, float(logits[first, 0].max() + logits[last, 1]))
    return best
