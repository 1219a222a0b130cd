"""Collators that sort the rows of a batch: a warning where labels move along, a failure where they stay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.collator.moved_rows import moves_rows_with_labels, require_rows_in_place
from pytest_ftcheck.checks.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

    Sorting = Callable[..., Evidence]

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture
def sorting(make_pipeline: Callable[..., Pipeline]) -> Sorting:
    """Return a function that makes the evidence of a collator that sorts rows by length."""
    pipeline = make_pipeline("sst2", train_rows=8, eval_rows=32)

    def make(*, labels_stay: bool = False, loses: int = 0) -> Evidence:
        def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
            longest_first = sorted(features, key=lambda row: -len(row["input_ids"]))
            batch = dict(pipeline.data_collator(longest_first[loses:]))
            if labels_stay:
                batch["labels"] = pipeline.data_collator(features)["labels"]
            return batch

        pipeline_of_it = replace(pipeline, data_collator=collate)
        none: Any = None
        made: dict[str, Any] = {"engine": "trainer", "seed": 0, "environment": ENVIRONMENT}
        return Evidence(pipeline_of_it, **made, make_run=none, make_probe=none)

    return make


def test_labels_that_move_along_are_a_warning(sorting: Sorting) -> None:
    evidence = sorting()
    assert moves_rows_with_labels(evidence)
    (warned,) = run_check(catalogue()["collator.order"], evidence)
    assert warned.level == "warn"
    assert warned.observed.endswith(", and their labels with them")
    with pytest.raises(NotApplicable, match=r"see collator\.order"):
        run_check(catalogue()["collator.labels"], evidence)
    with pytest.raises(NotApplicable, match=r"see collator\.order"):
        require_rows_in_place(evidence)


def test_other_checks_get_the_rows_in_their_order(sorting: Sorting) -> None:
    evidence = sorting()
    features = evidence.features(evidence.pipeline.eval_dataset, list(range(8)))
    restored = evidence.collate(features)
    assert restored["labels"].tolist() == [row["labels"] for row in features]
    for name in ("input_ids", "attention_mask"):
        rows = zip(restored[name].tolist(), features, strict=True)
        assert all(made[: len(row[name])] == list(row[name]) for made, row in rows)
    unlike = evidence.collate(features, as_it_comes=True)
    assert unlike["labels"].tolist() != restored["labels"].tolist()


def test_labels_that_stay_are_a_failure(sorting: Sorting) -> None:
    evidence = sorting(labels_stay=True)
    assert not moves_rows_with_labels(evidence)
    require_rows_in_place(evidence)
    assert [found.level for found in run_check(catalogue()["collator.order"], evidence)] == ["fail"]


def test_rows_that_are_lost_are_not_moved(sorting: Sorting) -> None:
    assert not moves_rows_with_labels(sorting(loses=1))
