"""Answers from the logits of windows: one answer for each question, for any number of its windows.

A window is a row of the tokenized data set: a question and a part of its context. The column ``offset_mapping`` has the
characters of the context that each token covers, the column `QUESTION` has the index of the question.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.answer_columns import answers_in_one_form
from pytest_ftcheck.heads.offsets import offsets_of
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import MeanMetric
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from datasets import Dataset
    from numpy.typing import NDArray

QUESTION = "question_row"
"""Column of the tokenized rows: the index of the window's row in the raw data set."""
MAX_ANSWER_LENGTH = 30
"""Number of tokens of the longest answer, as in run_qa.py of transformers."""
NULL_THRESHOLD = 0.0
"""A question has no answer where "no answer" scores higher than the best span by more than this."""
ANSWERS, REFERENCES, SCORES, WINDOWS = "answers", "references", "scores", "windows"
"""Names of the outputs of a run that have one row for each question."""


class Spans(NamedTuple):
    """The best answer of each of N windows."""

    first: NDArray[np.int64]
    """Tokens, ``[N]``."""
    last: NDArray[np.int64]
    score: NDArray[np.float64]
    """Sum of both logits; minus infinity where a window has no token of the context."""


def best_spans(logits: NDArray[Any], of_context: NDArray[np.bool_], longest: int = MAX_ANSWER_LENGTH) -> Spans:
    """Find the span of context with the highest sum of start and end logit, of at most ``longest`` tokens.

    Of spans with equal sums, the first is chosen, then the shortest.

    Args:
        logits: ``[N, T, 2]``, of start and end.
        of_context: ``[N, T]``, whether a token belongs to the context.
        longest: maximum number of tokens of an answer.

    """
    start, end = (np.where(of_context, logits[..., column].astype(np.float64), -np.inf) for column in range(2))
    width = start.shape[1]
    # Score and length of the best span that begins at each token. A matrix of all pairs would be much larger.
    score, length = np.full(start.shape, -np.inf), np.zeros(start.shape, dtype=np.int64)
    for more in range(min(longest, width)):
        sums = start[:, : width - more] + end[:, more:]
        better = sums > score[:, : width - more]
        score[:, : width - more][better] = sums[better]
        length[:, : width - more][better] = more
    rows, first = np.arange(len(score)), score.argmax(axis=1)
    return Spans(first, first + length[rows, first], score[rows, first])


def has_no_answer(null: float, best: float) -> bool:
    """Return True if "no answer" scores higher than the best span of the question."""
    return null - best > NULL_THRESHOLD


def read_answers(reference: str) -> list[str]:
    """Return the texts of one entry of `AnswersOfWindows.references`; none where the question has no answer."""
    found: list[str] = json.loads(reference)
    return found


class AnswersOfWindows:
    """See `AnswerRules`: the best span over the windows of a question, or no answer."""

    def __init__(self, head: str = "question-answering") -> None:
        """Store the name of the head that has these rules."""
        self._head = head

    def in_one_form(self, rows: Dataset, context: str, answers: str, where: str) -> Dataset:
        """Return rows with answers in the form of SQuAD; see `answers_in_one_form`."""
        return answers_in_one_form(rows, context, answers, where)

    def outputs(
        self, logits: NDArray[Any], windows: Dataset, questions: Dataset, context: str, answers: str
    ) -> dict[str, NDArray[Any]]:
        """Return one row for each question, by name; see `AnswerRules.outputs`."""
        from pytest_ftcheck.columns import scalars, walk  # noqa: PLC0415 - a card is read before Arrow is imported

        if len(logits) != len(windows):
            msg = f"{len(logits)} rows of logits for {len(windows)} windows: a window is missing or repeated."
            raise DataError(msg)
        count = len(questions)
        spans: list[tuple[float, int, int, int] | None] = [None] * count
        nulls = np.full(count, np.inf)
        broken = np.zeros(count, dtype=np.bool_)
        question_rows, window = scalars(windows, QUESTION), 0
        for of_rows in offsets_of(windows):
            scores = logits[window : window + len(of_rows.begin)]
            offsets = of_rows.cut(scores.shape[1])
            finite = np.isfinite(scores).all(axis=(1, 2))
            of_windows = best_spans(np.where(finite[:, None, None], scores, 0), offsets.of_context)
            null = scores[:, 0].sum(axis=1)
            for row, (first, last, score) in enumerate(zip(*(part.tolist() for part in of_windows), strict=True)):
                question = question_rows[window + row]
                if not finite[row]:
                    broken[question] = True
                    continue
                nulls[question] = min(nulls[question], float(null[row]))
                before = spans[question]
                if np.isfinite(score) and (before is None or score > before[0]):
                    place = int(offsets.begin[row, first]), int(offsets.end[row, last])
                    spans[question] = (score, window + row, *place)
            window += len(scores)
        gold = self.references(scalars(questions, answers))
        unanswerable = any(reference == "[]" for reference in gold)
        texts, found = [], []
        for question, (text,) in enumerate(walk(questions, [context])):
            best = spans[question]
            given = (-np.inf, -1) if best is None else best[:2]
            answered = best is not None and not (unanswerable and has_no_answer(nulls[question], given[0]))
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
        """Return right answers as labels, answers as predictions, and their scores ``[Q, 2]``, if known, as logits."""
        return EvaluatedRows(outputs[REFERENCES], outputs[ANSWERS], outputs.get(SCORES), head_named(self._head))

    def references(self, answers: Iterable[Mapping[str, Any]]) -> NDArray[np.str_]:
        """Return the texts of the right answers, for each question as a JSON list: ``[Q]``."""
        return np.array([json.dumps(list(answer["text"]), ensure_ascii=False) for answer in answers], dtype=np.str_)

    def losses(self, rows: EvaluatedRows) -> NDArray[np.float64]:
        """Return 1 minus F1 of the words of each answer, ``[Q]``."""
        f1 = rows.head_rules.scoring.row_metric("f1", rows)
        assert isinstance(f1, MeanMetric)  # noqa: S101 - of texts it is one
        return 1 - f1.features[:, 0]
