"""Compares the answers of a run with trivial answers, and with answers at another threshold of "no answer"."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.columns import scalars
from pytest_ftcheck.heads.answer_metrics import scored_answers
from pytest_ftcheck.heads.answers import ANSWERS, REFERENCES, SCORES, WINDOWS, best_spans
from pytest_ftcheck.heads.offsets import offsets_of
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.traits import QUESTIONS

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_NORMAL = 1.96
"""Number of standard errors on either side of a 95% interval."""


@check(
    "metrics.beats_trivial_answers",
    cost="run",
    needs=(QUESTIONS,),
    catches="a model that learned nothing, questions that are answered without being read, metrics that a constant "
    "reaches",
    hint="look at the checks of data and training; if a trivial answer is often right, use harder data.",
)
def beats_trivial_answers(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """F1 is higher than that of answers that ignore the question.

    Such answers are: the first words of the context, the whole context, no answer, and the most frequent answer of the
    training. F1 must be above the best of them; the check warns if the 95% interval of F1 includes that value.

    Assumes: a fine-tune learns something.

    Unusual but healthy: a run of a few steps, made to test whether training starts, fails.

    False alarms: none by chance for a model that learned something.
    """
    del thresholds
    run, data, card = evidence.trained_run, evidence.pipeline.data, evidence.pipeline.card
    rows = EvaluatedRows.of_run(run)
    metric = rows.head_rules.scoring.row_metric("f1", rows)
    if metric is None or not rows.finite:
        msg = "F1 of the answers is not known"
        raise NotApplicable(msg)
    value = metric_value(metric)
    contexts = scalars(data.evaluation, card.text_columns[-1])
    length = round(float(np.mean([len(text.split()) for text in rows.predictions.tolist()])) or 1)
    given: dict[str, list[str]] = {
        f"the first {length} words of the context": [" ".join(text.split()[:length]) for text in contexts],
        "all of the context": contexts,
        "no answer": [""] * len(contexts),
    }
    learned = Counter(answers["text"][0] for answers in scalars(data.train, card.label_column) if answers["text"])
    for text, _ in learned.most_common(1):
        given[f"always {text!r}"] = [text] * len(contexts)
    f1 = {
        name: 100 * float(scored_answers(texts, rows.label_ids.tolist())[:, 1].mean()) for name, texts in given.items()
    }
    name = max(f1, key=f1.__getitem__)
    expected = f"F1 above {f1[name]:.2f}, which {name} scores"
    if not value > f1[name]:
        return [finding(expected, f"{value:.2f} over {len(rows)} questions")]
    each = scored_answers(rows.predictions.tolist(), rows.label_ids.tolist())[:, 1]
    low = value - 100 * _NORMAL * float(each.std()) / math.sqrt(len(each))
    if low <= f1[name]:
        return [warning(expected, f"{value:.2f}, with its 95% interval from {low:.2f}", share=1.0)]
    return []


@check(
    "metrics.null_threshold",
    cost="run",
    needs=(QUESTIONS,),
    thresholds={"fail": 10.0, "warn": 5.0},
    catches="a threshold for 'no answer' that does not fit the model, labels of 'no answer' that were not learned",
    hint="choose the threshold on the validation split, as evaluate.load('squad_v2') reports it (best_f1_thresh), save "
    "it with the model, and use it in serving; else look at data.no_answer_position.",
)
def null_threshold(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The threshold of "no answer" is near the best one for these questions.

    A question has no answer if the score of the first token exceeds that of the best span by more than the threshold,
    0. Another threshold must not raise F1 by more than ``fail`` points; more than ``warn`` points warn.

    Assumes: some questions have an answer, others none.

    Unusual but healthy: a threshold that favours precision on purpose fails: raise ``fail``.

    False alarms: none by chance: the best threshold for a few hundred questions gains one or two points.
    """
    run = evidence.run
    references, scores = run.outputs[REFERENCES].tolist(), run.outputs[SCORES].astype(np.float64)
    none = np.array([reference == "[]" for reference in references])
    if not none.any() or none.all() or not np.isfinite(scores).all():
        msg = "all questions have an answer, or none has, or scores are not finite"
        raise NotApplicable(msg)
    answered = best_answers(evidence)
    right = scored_answers(answered, references)[:, 1]
    order = np.argsort(scores[:, 1] - scores[:, 0], kind="stable")
    # A threshold after the first n questions of this order answers these n questions and no others.
    gained = np.concatenate([[0.0], np.cumsum(right[order] - none[order])]) + none.sum()
    margins = (scores[:, 1] - scores[:, 0])[order]
    used = 100 * float(scored_answers(run.outputs[ANSWERS].tolist(), references)[:, 1].mean())
    place = int(gained.argmax())
    best = 100 * float(gained[place]) / len(none)
    if best - used <= thresholds["warn"]:
        return []
    threshold = float(margins[min(place, len(margins) - 1)])
    observed = f"F1 {used:.2f}; a threshold of {threshold:.2f} gives {best:.2f}"
    if best - used <= thresholds["fail"]:
        expected = f"a threshold within {thresholds['warn']:g} points of F1 of the best one"
        return [warning(expected, observed, share=(best - used) / 100)]
    return [finding(f"a threshold within {thresholds['fail']:g} points of F1 of the best one", observed)]


def best_answers(evidence: Evidence) -> list[str]:
    """Return the best span of each question, whatever the score of "no answer"."""
    run, pipeline = evidence.run, evidence.pipeline
    chosen = run.outputs[WINDOWS]
    places: list[tuple[int, int]] = []
    for offsets in offsets_of(pipeline.eval_dataset.select(chosen)):
        logits = run.logits[chosen[len(places) : len(places) + len(offsets.begin)]]
        tokens, rows = offsets.cut(logits.shape[1]), np.arange(len(logits))
        spans = best_spans(logits, tokens.of_context)
        begins, ends = tokens.begin[rows, spans.first], tokens.end[rows, spans.last]
        places += zip(begins.tolist(), ends.tolist(), strict=True)
    contexts = scalars(pipeline.data.evaluation, pipeline.card.text_columns[-1])
    return [text[begin:end] for text, (begin, end) in zip(contexts, places, strict=True)]
