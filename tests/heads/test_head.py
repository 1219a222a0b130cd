"""What a head is, and how one is found by its name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.heads import classes, values
from pytest_ftcheck.heads.registry import head_named, head_of_predictions, head_of_width, known_heads
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, VALUES, in_words, unmet


def test_each_head_is_found_by_its_name() -> None:
    assert [head_named(name).name for name in known_heads()] == list(known_heads())
    assert head_named(classes.HEAD.name) is classes.HEAD
    assert head_named(values.HEAD.name) is values.HEAD


def test_an_unknown_name_gets_the_closest_match() -> None:
    with pytest.raises(TaskError, match=r"unknown head 'regresion'\. Did you mean 'regression'\? Known: "):
        head_named("regresion")


def test_one_label_a_row_is_a_class_or_a_value() -> None:
    for traits in ({LABEL_PER_ROW}, {LABEL_PER_ROW, CLASSES, VALUES}):
        with pytest.raises(ValueError, match="give it either trait 'classes' or 'values'"):
            replace(classes.HEAD, traits=frozenset(traits))
    assert not replace(classes.HEAD, traits=frozenset({"tag_sets"})).values


def test_a_head_is_known_by_the_width_of_the_logits_and_by_the_type_of_the_predictions() -> None:
    assert (head_of_width(1), head_of_width(2), head_of_width(5)) == (values.HEAD, classes.HEAD, classes.HEAD)
    assert head_of_predictions(np.float32) is values.HEAD
    assert head_of_predictions(np.int64) is classes.HEAD


@pytest.mark.parametrize(
    ("needs", "traits", "reason"),
    [
        ((), {"tag_sets"}, ""),
        ((CLASSES, LABEL_PER_ROW), {CLASSES, LABEL_PER_ROW}, ""),
        (
            (CLASSES, LABEL_PER_ROW),
            {VALUES, LABEL_PER_ROW},
            "it applies only to tasks with classes; this task has values",
        ),
        (
            (LABEL_PER_ROW,),
            {"tag_sets"},
            "it applies only to tasks with one label in each row; this task has tag sets",
        ),
        ((CLASSES,), set(), "it applies only to tasks with classes; this task has other labels"),
    ],
)
def test_what_is_needed_and_not_there_is_said_in_words(needs: tuple[str, ...], traits: set[str], reason: str) -> None:
    assert unmet(needs, traits) == reason


def test_one_label_a_row_is_named_last() -> None:
    assert in_words({LABEL_PER_ROW, VALUES}) == "values and one label in each row"
