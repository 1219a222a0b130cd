"""Labels beside the column that they were made of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.faults.planting import labels_of, with_labels, with_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("yelp_review_full", train_rows=100, eval_rows=40)


@pytest.fixture(scope="module")
def stsb(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("stsb", train_rows=100, eval_rows=40)


def judge(pipeline: Pipeline) -> list[Finding]:
    none: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=none, make_probe=none)
    return run_check(catalogue()["data.label_source"], evidence)


def with_source(pipeline: Pipeline, values: list[Any]) -> Pipeline:
    return with_rows(pipeline, "train", raw=pipeline.data.train.add_column("source", values))


def named(pipeline: Pipeline) -> list[str]:
    return [pipeline.card.label_names[label] for label in labels_of(pipeline, "train")]


def test_labels_that_are_what_their_column_says_are_healthy(parts: Pipeline) -> None:
    assert judge(parts) == []
    assert judge(with_source(parts, named(parts))) == []


def test_missing_labels_that_get_the_id_of_a_class_are_found(parts: Pipeline) -> None:
    (finding,) = judge(select_faults(["missing_labels_are_class_0"])[0].plant(parts))
    assert finding.expected == "labels that are what column 'annotation' says"
    assert finding.observed == (
        f"34 of 100 (34.0%) sampled rows have none there (missing, empty), and the label 0 of "
        f"{parts.card.label_names[0]!r} all the same"
    )
    assert len(finding.evidence) == 3
    assert all(re.fullmatch(r"row \d+: label 0, annotation (None|'.*')", text) for text in finding.evidence)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_class_of_its_own_for_what_has_no_name_is_healthy(parts: Pipeline, kept: int) -> None:
    names = [name if label != kept else "" for name, label in zip(named(parts), labels_of(parts, "train"), strict=True)]
    assert judge(with_source(parts, names)) == []


def test_a_column_that_has_nothing_to_do_with_the_labels_is_healthy(parts: Pipeline) -> None:
    some = [None if row % 3 == 0 else f"by {row % 5}" for row in range(100)]
    assert judge(with_source(parts, some)) == []


@pytest.mark.parametrize(("how", "told"), [(int, "cut to whole numbers (truncated)"), (round, "rounded")])
def test_scores_that_lose_their_fraction_are_found(stsb: Pipeline, how: Callable[[float], int], told: str) -> None:
    scores = [0.1 + row % 50 / 10.3 for row in range(100)]
    whole = with_labels(stsb, "train", [float(how(score)) for score in scores])
    (finding,) = judge(with_source(whole, scores))
    assert finding.observed.startswith(
        f"they are {told} and lose the fraction of 100 of 100 (100.0%) sampled rows: 0.1 "
    )
    assert finding.evidence[0] == "row 0: label 0.0, source 0.1"
    assert judge(with_source(with_labels(stsb, "train", scores), scores)) == []


def test_only_the_raw_rows_are_read(parts: Pipeline) -> None:
    without = replace(parts, data=replace(parts.data, train=parts.data.train.select_columns(["label"])))
    assert judge(without) == []
