"""Metrics of answers: exact match and F1 of words, as the official scripts of SQuAD define them, from 0 to 100."""

from __future__ import annotations

import re
import string
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.answers import read_answers
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import MeanMetric, ratio
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.trivial import Trivial

    Floats = NDArray[np.float64]

PATH, PATH_WITHOUT_ANSWERS = "squad", "squad_v2"
"""Names of the metrics, as ``evaluate.load`` takes them."""
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKS = frozenset(string.punctuation)
_PERCENT = 100.0


def normalised_answer(text: str) -> str:
    """Return a string in lower case, without punctuation and English articles, with single spaces."""
    plain = "".join(character for character in text.lower() if character not in _MARKS)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def exact_match(answer: str, right: str) -> float:
    """Return 1 if both texts are equal after normalisation, else 0."""
    return float(normalised_answer(answer) == normalised_answer(right))


def f1_of_words(answer: str, right: str) -> float:
    """Return F1 of the common words; if one text has no words, return 1 if the other has none either, else 0."""
    given, expected = normalised_answer(answer).split(), normalised_answer(right).split()
    if not given or not expected:
        return float(given == expected)
    shared = sum((Counter(given) & Counter(expected)).values())
    return 2 * shared / (len(given) + len(expected))


def scored_answers(answers: Sequence[str], references: Sequence[str]) -> Floats:
    """Return exact match, F1, and whether there is an answer, of each question: ``[Q, 3]``, from 0 to 1.

    Args:
        answers: answers of the model, ``[Q]``; an empty text means no answer.
        references: right answers, as `AnswersOfWindows.references` returns them, ``[Q]``.

    """
    rows = []
    for answer, reference in zip(answers, references, strict=True):
        # As in squad_v2: an answer that is empty after normalisation counts as no answer.
        golds = [text for text in read_answers(reference) if normalised_answer(text)]
        right = golds or [""]
        best = [max(score(answer, gold) for gold in right) for score in (exact_match, f1_of_words)]
        rows.append((*best, float(bool(golds))))
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


_COLUMNS = {"exact_match": 0, "exact": 0, "em": 0, "f1": 1}
_SHARE = ":share"
"""Ends the name of a metric from 0 to 1, which a user's function may return instead of a percentage."""


class ScoringOfAnswers:
    """See `Scoring`: exact match and F1 of all questions, and of those with and without an answer."""

    default_metric = PATH
    of_logits: tuple[str, ...] = ()
    own_metrics: Mapping[str, Mapping[str, bool]] = MappingProxyType(
        {
            PATH: MappingProxyType({"exact_match": True, "f1": True}),
            PATH_WITHOUT_ANSWERS: MappingProxyType(
                dict.fromkeys(("exact", "f1", "HasAns_exact", "HasAns_f1", "NoAns_exact", "NoAns_f1"), True)
            ),
        }
    )
    averages: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {f"{part}{key}": (f"{part}{key}{_SHARE}",) for part in ("", "HasAns_", "NoAns_") for key in _COLUMNS}
    )

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return exact match or F1: of all questions, ``HasAns_…`` of those with an answer, ``NoAns_…`` of the rest."""
        scale = 1.0 if name.endswith(_SHARE) else _PERCENT
        name = name.removesuffix(_SHARE)
        part, _, measure = name.rpartition("_") if name.startswith(("HasAns_", "NoAns_")) else ("", "", name)
        if measure not in _COLUMNS or rows.label_ids.dtype.kind != "U":
            return None
        scores = scored_answers(rows.predictions.tolist(), rows.label_ids.tolist())
        counted = {"": np.ones(len(scores)), "HasAns": scores[:, 2], "NoAns": 1 - scores[:, 2]}[part]
        numbers = np.stack([scores[:, _COLUMNS[measure]] * counted, counted], axis=1)
        kinds = np.array([[0.0, 1.0], [1.0, 1.0]])  # a question that counts, answered wrongly and rightly
        return MeanMetric(numbers, lambda means: scale * ratio(means[..., 0], means[..., 1], undefined=np.nan), kinds)

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return two constant models: "no answer", and the most frequent answer of the training rows."""
        del metric, label_names
        head = head_named("question-answering")
        seen = Counter(text for reference in train_label_ids.tolist() for text in read_answers(reference)[:1])
        trivial = ["", *(text for text, _ in seen.most_common(1))]
        return [
            (
                f"always {answer!r}" if answer else "always no answer",
                EvaluatedRows(label_ids, np.full(len(label_ids), answer), None, head),
            )
            for answer in trivial
        ]

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Return no model: a random word of the context is almost never right."""
        del metric, label_ids, train_label_ids, label_names
        return []
