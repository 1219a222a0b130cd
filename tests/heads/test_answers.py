"""Answers out of the logits of windows, and how they are judged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.answer_metrics import (
    ScoringOfAnswers,
    exact_match,
    f1_of_words,
    normalised_answer,
    scored_answers,
)
from pytest_ftcheck.heads.answers import ANSWERS, REFERENCES, SCORES, WINDOWS, AnswersOfWindows, best_spans
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.spans import HEAD

CONTEXT = "one two three four"
OFFSETS = [None, [0, 3], [4, 7], [8, 13], [14, 18], None]
"""[CLS], four words, [SEP]."""


def windows(*questions: int) -> Dataset:
    return Dataset.from_dict({"question_row": list(questions), "offset_mapping": [OFFSETS] * len(questions)})


def questions(*answers: list[str]) -> Dataset:
    column = [{"text": texts, "answer_start": [0] * len(texts)} for texts in answers]
    return Dataset.from_dict({"context": [CONTEXT] * len(answers), "answers": column})


def logits(start: int, end: int, height: float = 5.0, null: float = 0.0) -> np.ndarray[Any, Any]:
    made = np.zeros((6, 2))
    made[start, 0] += height
    made[end, 1] += height
    made[0] += null / 2
    return made


def answered(scores: list[np.ndarray[Any, Any]], rows: Dataset, of: Dataset) -> dict[str, Any]:
    return AnswersOfWindows().outputs(np.stack(scores), of, rows, "context", "answers")


def test_a_question_has_the_best_answer_of_all_its_windows() -> None:
    made = answered([logits(1, 1, 3), logits(2, 3, 9), logits(4, 4, 2)], questions(["x"], ["y"]), windows(0, 0, 1))
    assert made[ANSWERS].tolist() == ["two three", "four"]
    assert made[WINDOWS].tolist() == [1, 2]
    assert made[SCORES][:, 0].tolist() == [18, 4]
    assert [json.loads(entry) for entry in made[REFERENCES]] == [["x"], ["y"]]


def test_an_end_never_stands_before_its_start_nor_outside_of_the_context() -> None:
    spans = best_spans(logits(4, 1)[None], np.array([[offset is not None for offset in OFFSETS]]))
    assert spans.first <= spans.last
    assert spans.first >= 1
    assert spans.last <= 4


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_best_spans_are_those_of_a_plain_search(seed: int, longest: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 5, size=(3, 6, 2)).astype(float)
    known = np.array([[offset is not None for offset in OFFSETS]] * 3)
    found = best_spans(scores, known, longest)
    pairs = [(first, last) for first in range(1, 5) for last in range(first, min(first + longest, 5))]
    for row, window in enumerate(scores):
        plain = max(pairs, key=lambda pair: window[pair[0], 0] + window[pair[1], 1])  # the first of equal ones
        assert (found.first[row], found.last[row]) == plain
        assert found.score[row] == window[plain[0], 0] + window[plain[1], 1]


def test_a_window_without_context_has_no_span() -> None:
    assert best_spans(np.zeros((1, 4, 2)), np.zeros((1, 4), dtype=bool)).score.tolist() == [-np.inf]


def test_no_answer_is_given_where_the_first_token_scores_higher_and_some_question_has_none() -> None:
    scores = [logits(1, 1, 2, null=9), logits(1, 1, 2, null=1)]
    some = answered(scores, questions([], ["one"]), windows(0, 1))
    assert some[ANSWERS].tolist() == ["", "one"]
    all_of_them = answered(scores, questions(["one"], ["one"]), windows(0, 1))
    assert all_of_them[ANSWERS].tolist() == ["one", "one"]


def test_a_logit_that_is_no_number_makes_every_metric_unknown() -> None:
    made = answered([logits(1, 1) * np.nan, logits(1, 1)], questions(["one"], ["one"]), windows(0, 1))
    assert not AnswersOfWindows().evaluated(made).finite


def test_a_window_that_is_missing_is_named() -> None:
    with pytest.raises(DataError, match="1 rows of logits for 2 windows"):
        answered([logits(1, 1)], questions(["one"], ["one"]), windows(0, 1))


@pytest.mark.parametrize(
    ("text", "plain"),
    [("The Panthers'  defense.", "panthers defense"), ("an A-team", "ateam"), ("theatre", "theatre"), ("", "")],
)
def test_answers_are_compared_without_case_articles_marks_and_spaces(text: str, plain: str) -> None:
    assert normalised_answer(text) == plain


def test_worked_examples_of_exact_match_and_f1() -> None:
    assert exact_match("the market", "Market.") == 1
    assert f1_of_words("in the big market", "the market") == pytest.approx(2 * 1 / (3 + 1))
    assert f1_of_words("cat cat dog", "cat dog dog") == pytest.approx(2 * 2 / 6)
    assert (f1_of_words("", ""), f1_of_words("a", ""), f1_of_words("cat", "")) == (1, 1, 0)


def test_the_best_of_several_right_answers_counts() -> None:
    assert scored_answers(["market", ""], [json.dumps(["the old market", "market"]), "[]"]).tolist() == [
        [1, 1, 1],
        [1, 1, 0],
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("exact_match", 50), ("f1", 200 / 3), ("HasAns_exact", 50), ("NoAns_exact", 50), ("NoAns_f1", 50)],
)
def test_metrics_are_percents_of_all_questions_or_of_a_part(name: str, value: float) -> None:
    gold = np.array([json.dumps(texts) for texts in (["one"], ["two three"], [], [])])
    rows = EvaluatedRows(gold, np.array(["one", "two", "", "three"]), None, HEAD)
    metric = ScoringOfAnswers().row_metric(name, rows)
    assert metric is not None
    assert metric_value(metric) == pytest.approx(value)


def test_trivial_answers_are_none_and_the_most_frequent_one() -> None:
    gold = np.array([json.dumps(["one"]), "[]"])
    train = np.array([json.dumps(["two"]), json.dumps(["two"]), "[]"])
    found = ScoringOfAnswers().constants("f1", gold, train, ())
    assert [(name, rows.predictions.tolist()) for name, rows in found] == [
        ("always no answer", ["", ""]),
        ("always 'two'", ["two", "two"]),
    ]


def test_losses_order_rows_by_how_wrong_they_are() -> None:
    rows = EvaluatedRows(np.array([json.dumps(["one two"])] * 3), np.array(["one two", "one", "x"]), None, HEAD)
    assert AnswersOfWindows().losses(rows).tolist() == pytest.approx([0, 1 / 3, 1])
