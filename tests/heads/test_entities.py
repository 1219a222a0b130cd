"""Metrics of entities: what seqeval says, as functions of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score

from pytest_ftcheck.heads.classes import NO_CLASS
from pytest_ftcheck.heads.entities import ScoringOfEntities, entity_changes, rows_of_tags
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.tokens import HEAD
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def rows(labels: Sequence[Sequence[int]], predictions: Sequence[Sequence[int]]) -> EvaluatedRows:
    return EvaluatedRows(np.array(labels), np.array(predictions), head=HEAD, label_names=NAMES)


def value(name: str, evaluated: EvaluatedRows) -> float:
    metric = ScoringOfEntities().row_metric(name, evaluated)
    assert metric is not None
    return metric_value(metric)


tags = st.lists(st.sampled_from([IGNORED, 0, 1, 2, 3, 4]), min_size=6, max_size=6)
guesses = st.lists(st.integers(0, 4), min_size=6, max_size=6)


@given(st.lists(st.tuples(tags, guesses), min_size=1, max_size=5))
def test_overall_metrics_are_those_of_seqeval(pairs: list[tuple[list[int], list[int]]]) -> None:
    evaluated = rows(*zip(*pairs, strict=True))
    known, answered = map(list, zip(*rows_of_tags(evaluated), strict=True))
    for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert value(f"overall_{name}", evaluated) == pytest.approx(score(known, answered, zero_division=0))


def test_accuracy_is_of_words_alone() -> None:
    assert value("overall_accuracy", rows([[0, 1, IGNORED]], [[0, 2, 0]])) == 0.5


def test_a_type_has_metrics_of_its_own() -> None:
    evaluated = rows([[1, 2, 0, 3]], [[1, 2, 0, 1]])
    assert value("PER_f1", evaluated) == pytest.approx(2 / 3)
    assert value("LOC_recall", evaluated) == 0.0
    assert ScoringOfEntities().row_metric("ORG_f1", evaluated) is None
    assert ScoringOfEntities().row_metric("mcc", evaluated) is None
    assert value("f1", evaluated) == value("overall_f1", evaluated)


def test_a_prediction_of_no_class_is_no_entity() -> None:
    assert rows_of_tags(rows([[1, 0]], [[NO_CLASS, 0]])) == [(["B-PER", "O"], ["O", "O"])]


def test_a_model_that_says_o_everywhere_finds_nothing() -> None:
    labels = np.array([[1, 2, 0], [0, 0, 3]])
    constants = dict(HEAD.scoring.constants("overall_f1", labels, labels, NAMES))
    assert list(constants) == [f"always {name}" for name in NAMES]
    assert value("overall_f1", constants["always O"]) == 0.0
    assert value("overall_accuracy", constants["always O"]) == 0.5
    assert HEAD.scoring.guesses("overall_f1", labels, labels, NAMES) == []


def test_entities_that_are_lost_and_found_are_named() -> None:
    words = ["Anna", "Stone", "saw", "Oslo", "there"]
    changes = entity_changes([1, 2, 0, 3, 0], [1, 2, 0, 0, 3], [0, 0, 1, 3, 0], NAMES, words)
    assert changes == {
        "lost": ["PER 'Anna Stone'"],
        "found": ["LOC 'Oslo'"],
        "wrong": ["PER 'saw'"],
        "mended": ["LOC 'there'"],
    }
    unknown = entity_changes([1, IGNORED, 0], [1, 0, 0], [0, 0, 0], NAMES, words)
    assert unknown["lost"] == ["PER at word 0"]
