"""The answers that a user's function makes of windows, beside the best spans of the same logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.data.splits import shorten
from pytest_ftcheck.columns import scalars, walk
from pytest_ftcheck.heads.answer_metrics import scored_answers
from pytest_ftcheck.heads.answers import ANSWERS, QUESTION, REFERENCES, AnswersOfWindows, read_answers
from pytest_ftcheck.heads.offsets import OFFSETS
from pytest_ftcheck.heads.traits import OWN_ANSWERS
from pytest_ftcheck.pipeline.trainer_positions import EXAMPLE, ID
from pytest_ftcheck.pipeline.trainer_texts import language_columns

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_IN_CONTEXT = 0.9
"""Fraction of the right answers that a column must contain to be the context."""


@check(
    "metrics.answers_decoded",
    cost="run",
    needs=(OWN_ANSWERS,),
    # Points of F1; probability that as many of the differing answers are worse by chance.
    thresholds={"fail": 5.0, "warn": 2.0, "alpha": 1e-6},
    false_alarms=1e-6,
    catches="an answer of the first window only, an end before its start, start and end chosen apart, answers cut off "
    "by one token or character, windows of another question",
    hint="in post_process_function, take over all windows of a question the span of context tokens with the highest "
    "sum of start and end logit, with the start not after the end, and cut it out of the context by offset_mapping: "
    "context[offsets[start][0]:offsets[end][1]].",
)
def answers_decoded(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The answers of ``post_process_function`` are as good as the best spans of the same logits.

    For each question, the best span of at most 30 tokens over all of its windows is taken, or no answer where the first
    token scores higher, as in run_qa.py of transformers; see `AnswersOfWindows`. F1 of both answers is compared, and a
    sign test is made over the questions whose F1 differs.

    Assumes: a window names its question in ``example_id``, and ``offset_mapping`` is None outside of the context.

    Unusual but healthy: other limits of an answer's length, n-best lists, and thresholds of "no answer" change few
    answers, or improve them. A function that gives worse answers on purpose fails until ``fail`` is raised.

    False alarms: at most 1e-6 a session (the sign test at ``alpha``, and only where F1 is lower by ``warn``).
    """
    run, questions = evidence.run, evidence.pipeline.raw_evaluation
    if not np.isfinite(run.logits).all():
        msg = "logits are not finite: model.finite reports it"
        raise NotApplicable(msg)
    context = _context_column(questions, run.outputs[REFERENCES])
    windows = _with_questions(evidence.pipeline.eval_dataset, questions)
    label = evidence.pipeline.card.label_column
    best = AnswersOfWindows().outputs(run.logits, windows, questions, context, label)[ANSWERS]
    given, references = run.outputs[ANSWERS], run.outputs[REFERENCES]
    theirs, ours = (scored_answers(each.tolist(), references.tolist())[:, 1] for each in (given, best))
    worse, better = np.flatnonzero(theirs < ours), np.flatnonzero(theirs > ours)
    gap = 100 * float(ours.mean() - theirs.mean())
    if gap < thresholds["warn"] or _chance(len(worse), len(better)) > thresholds["alpha"]:
        return []
    expected = f"answers as good as the best spans of the same logits, whose F1 is {100 * ours.mean():.1f}"
    observed = (
        f"F1 {100 * theirs.mean():.1f} over {len(given)} questions: {len(worse)} answers are worse than the best span, "
        f"{len(better)} are better"
    )
    asked = next((name for name in language_columns(questions) if name not in (context, label)), context)
    texts = scalars(questions, asked)
    shown = (
        f"{shorten(str(texts[row]))}: {shorten(given[row])}, the best span is {shorten(best[row])}" for row in worse
    )
    if gap >= thresholds["fail"]:
        return [finding(expected, observed, evidence=shown)]
    return [warning(expected, observed, share=gap / 100, evidence=shown)]


def _chance(worse: int, better: int) -> float:
    """Return the probability of at least as many worse answers if worse and better ones are equally likely."""
    return float(stats.binomtest(worse, worse + better, alternative="greater").pvalue) if worse else 1.0


def _context_column(questions: Dataset, references: NDArray[np.str_]) -> str:
    """Name the column of the raw rows that contains the right answers.

    Raises:
        NotApplicable: there is none.

    """
    answers = [read_answers(reference)[:1] for reference in references.tolist()]
    texts = {name: list(map(str, scalars(questions, name))) for name in language_columns(questions)}
    for name in sorted(texts, key=lambda name: -sum(map(len, texts[name]))):  # a context is longer than a question
        inside = [found[0] in text for found, text in zip(answers, texts[name], strict=True) if found]
        if inside and np.mean(inside) >= _IN_CONTEXT:
            return name
    msg = "no column of eval_examples contains the right answers"
    raise NotApplicable(msg)


def _with_questions(windows: Dataset, questions: Dataset) -> Dataset:
    """Return the windows with the index of their question.

    Raises:
        NotApplicable: a window does not name its question, or the tokens of its context are not known.

    """
    missing = [name for name in (EXAMPLE, OFFSETS) if name not in windows.column_names]
    if missing or ID not in questions.column_names:
        msg = f"the windows have no {', '.join(missing)}" if missing else f"eval_examples has no {ID}"
        raise NotApplicable(msg)
    places = {key: row for row, key in enumerate(scalars(questions, ID))}
    rows = [places.get(key) for key in scalars(windows, EXAMPLE)]
    if None in rows or not all(None in offsets for (offsets,) in walk(windows, [OFFSETS])):
        msg = f"{EXAMPLE} names no row of eval_examples, or {OFFSETS} has characters for tokens outside of the context"
        raise NotApplicable(msg)
    return windows.select_columns([OFFSETS]).add_column(QUESTION, rows)
