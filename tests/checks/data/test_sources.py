"""Rows of two sources, with the same numbers for the same classes or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
NAMES = ("bills", "calls", "mails")


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=20, eval_rows=20)


def judge(parts: Pipeline, number: Callable[[int, str], int], source: Callable[[int], str]) -> list[Finding]:
    """Judge 240 rows of three classes, whose first word tells the class in nine of ten rows."""
    generator = np.random.default_rng(0)
    true = generator.integers(3, size=240)
    seen = np.where(generator.random(240) < 0.9, true, generator.integers(3, size=240))
    columns: dict[str, Any] = {
        "input_ids": [
            [2, 50 + word, int(other), 3] for word, other in zip(seen, generator.integers(60, 90, 240), strict=True)
        ],
        "source": [source(place) for place in range(240)],
        "labels": [number(int(label), source(place)) for place, label in enumerate(true)],
    }
    rows = Dataset.from_dict(columns)
    pipeline = replace(
        parts,
        card=replace(parts.card, label_names=NAMES, label_column="labels"),
        train_dataset=rows,
        data=replace(parts.data, train=rows),
    )
    none: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=none, make_probe=none)
    return run_check(catalogue()["data.sources_agree"], evidence)


def renumbered(label: int, source: str) -> int:
    return (label + 1) % 3 if source == "chat" else label


def by_turns(place: int) -> str:
    return "chat" if place % 2 else "mail"


def one_after_the_other(place: int) -> str:
    return "chat" if place >= 100 else "mail"


@pytest.mark.parametrize("source", [by_turns, one_after_the_other], ids=["mixed", "joined"])
def test_sources_with_one_numbering_are_healthy(parts: Pipeline, source: Callable[[int], str]) -> None:
    assert judge(parts, lambda label, _: label, source) == []


def test_numbers_that_follow_a_column_are_found(parts: Pipeline) -> None:
    (finding,) = judge(parts, renumbered, by_turns)
    assert finding.observed == (
        "3 classes are numbered differently in the rows whose 'source' is 'chat': there, class 0 is 2, 1 is 0, 2 is 1"
    )


def test_numbers_that_change_in_the_middle_are_found_without_a_column(parts: Pipeline) -> None:
    places = iter(range(240))
    (finding,) = judge(parts, lambda label, _: renumbered(label, one_after_the_other(next(places))), lambda _: "one")
    assert "in the last quarter of the rows, against the first" in finding.observed


def test_a_class_that_is_hardly_told_at_all_is_not_exchanged(parts: Pipeline) -> None:
    random = np.random.default_rng(3)
    assert judge(parts, lambda _label, _source: int(random.integers(3)), by_turns) == []


def test_sources_with_classes_of_their_own_cannot_be_compared(parts: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="no two sources with enough rows of two classes"):
        judge(parts, lambda _label, source: int(source == "chat"), one_after_the_other)
