"""Answers from the logits of windows: one answer for each question, whatever the number of its windows.

A window is a row of the tokenized data set: a question and a part of its context. The column `OFFSETS` has the
characters of the context that each token covers, the column `QUESTION` has the index of the question.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import MeanMetric
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

QUESTION = "question_row"
"""Column of the tokenized rows: the index of the window's row in the raw data set."""
OFFSETS = "offset_mapping"
"""Column of the tokenized rows: first character and end of each token in the context; None for other tokens."""
MAX_ANSWER_LENGTH = 30
"""Number of tokens of the longest answer, as in run_qa.py of transformers."""
NULL_THRESHOLD = 0.0
"""A question has no answer where "no answer" scores higher than the best span by more than this."""
ANSWERS, REFERENCES, SCORES, WINDOWS = "answers", "references", "scores", "windows"
"""Names of the outputs of a run that have one row for each question."""


@dataclass(frozen=True)
class Span:
    """The best answer of a window."""

    first: int
    """Token."""
    last: int
    score: float
    """Sum of both logits; minus infinity where the window has no token of the context."""


def best_span(logits: NDArray[Any], of_context: NDArray[np.bool_], longest: int = MAX_ANSWER_LENGTH) -> Span:
    """Find the span of context with the highest sum of start and end logit, of at most ``longest`` tokens.

    Args:
        logits: logits of start and end, ``[T, 2]``.
        of_context: whether a token belongs to the context, ``[T]``.
        longest: number of tokens of the longest answer.

    """
    sums = logits[:, None, 0].astype(np.float64) + logits[None, :, 1]
    width = len(logits)
    allowed = np.triu(np.ones((width, width), dtype=np.bool_)) & ~np.triu(np.ones((width, width), np.bool_), k=longest)
    sums = np.where(allowed & of_context[:, None] & of_context[None, :], sums, -np.inf)
    first, last = divmod(int(sums.argmax()), width)
    return Span(first, last, float(sums[first, last]))


def says_none(null: float, best: float) -> bool:
    """Return True if "no answer" scores higher than the best span of the question."""
    return null - best > NULL_THRESHOLD


def context_tokens(offsets: Sequence[Any], width: int) -> NDArray[np.bool_]:
    """Return which tokens belong to the context, ``[width]``; tokens after the last offset are padding."""
    known = [offset is not None for offset in offsets[:width]]
    return np.array([*known, *[False] * (width - len(known))], dtype=np.bool_)


def read_answers(reference: str) -> list[str]:
    """Return the texts of one entry of `AnswersOfWindows.references`; none where the question has no answer."""
    found: list[str] = json.loads(reference)
    return found


class AnswersOfWindows:
    """See `AnswerRules`: the best span over the windows of a question, or no answer."""

    def outputs(
        self, logits: NDArray[Any], windows: Dataset, questions: Dataset, context: str, answers: str
    ) -> dict[str, NDArray[Any]]:
        """Return one row for each question, by name; see `AnswerRules.outputs`."""
        from pytest_ftcheck.columns import scalars, walk  # noqa: PLC0415 - a card is read before Arrow is imported

        if len(logits) != len(windows):
            msg = f"{len(logits)} rows of logits for {len(windows)} windows: a window is missing or repeated."
            raise DataError(msg)
        count = len(questions)
        spans: list[tuple[Span, int, int, int] | None] = [None] * count
        nulls = np.full(count, np.inf)
        broken = np.zeros(count, dtype=np.bool_)
        for window, (question, offsets) in enumerate(walk(windows, [QUESTION, OFFSETS])):
            scores = logits[window]
            if not np.isfinite(scores).all():
                broken[question] = True
                continue
            nulls[question] = min(nulls[question], float(scores[0].sum()))
            span = best_span(scores, context_tokens(offsets, len(scores)))
            before = spans[question]
            if np.isfinite(span.score) and (before is None or span.score > before[0].score):
                spans[question] = (span, window, offsets[span.first][0], offsets[span.last][1])
        gold = self.references(scalars(questions, answers))
        unanswerable = any(reference == "[]" for reference in gold)
        texts, found = [], []
        for question, (text,) in enumerate(walk(questions, [context])):
            best = spans[question]
            given = (-np.inf, -1) if best is None else (best[0].score, best[1])
            answered = best is not None and not (unanswerable and says_none(nulls[question], given[0]))
            texts.append(text[best[2] : best[3]] if answered and best is not None else "")
            found.append(given)
        scored = np.stack([np.array([score for score, _ in found]), nulls], axis=1)
        # An unknown value is NaN: no metric is computed from it.
        scored[broken | ~np.isfinite(scored).all(axis=1)] = np.nan
        return {
            ANSWERS: np.array(texts, dtype=np.str_),
            REFERENCES: gold,
            SCORES: scored.astype(np.float32),
            WINDOWS: np.array([window for _, window in found], dtype=np.int64),
        }

    def evaluated(self, outputs: Mapping[str, NDArray[Any]]) -> EvaluatedRows:
        """Return right answers as labels, answers as predictions, and their scores ``[Q, 2]`` as logits."""
        head = head_named("question-answering")
        return EvaluatedRows(outputs[REFERENCES], outputs[ANSWERS], outputs[SCORES], head)

    def references(self, answers: Iterable[Mapping[str, Any]]) -> NDArray[np.str_]:
        """Return the texts of the answers that are right, of each question as a JSON list: ``[Q]``."""
        return np.array([json.dumps(list(answer["text"]), ensure_ascii=False) for answer in answers], dtype=np.str_)

    def losses(self, rows: EvaluatedRows) -> NDArray[np.float64]:
        """Return 1 minus F1 of the words of each answer, ``[Q]``."""
        f1 = rows.head_rules.scoring.row_metric("f1", rows)
        assert isinstance(f1, MeanMetric)  # noqa: S101 - of texts it is one
        return 1 - f1.features[:, 0]
