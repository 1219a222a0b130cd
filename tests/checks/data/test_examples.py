"""Rows as evidence: their tokens beside their texts, where these are known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.data.examples import rows_as_tokens
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.checks.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline


def shown(pipeline: Pipeline) -> list[str]:
    no: Any = None  # nothing is trained
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment={"device": "cpu"}, make_run=no, make_probe=no)
    return rows_as_tokens(evidence, splits(evidence)[0], [3, 5, 7, 9])


@pytest.fixture(scope="module")
def sst2(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("sst2", train_rows=16, eval_rows=8)


def test_three_rows_are_shown_with_their_texts(sst2: Pipeline) -> None:
    rows = shown(sst2)
    assert [row.partition(":")[0] for row in rows] == ["row 3", "row 5", "row 7"]
    texts = sst2.data.train["sentence"]
    assert rows[0].startswith("row 3: '[CLS] ")
    assert texts[3][:30] in rows[0].partition(" for ")[2]


def test_without_texts_the_tokens_stand_alone(sst2: Pipeline) -> None:
    lost = replace(sst2, data=replace(sst2.data, train=sst2.data.train.remove_columns("sentence")))
    blocks = replace(sst2, data=replace(sst2.data, train=sst2.data.train.select(range(6))))
    for pipeline in (lost, blocks):
        assert len(shown(pipeline)) == 3
        assert not any(" for " in row.rpartition("[SEP]")[2] for row in shown(pipeline))


def test_without_a_tokenizer_the_ids_are_shown(sst2: Pipeline) -> None:
    assert shown(replace(sst2, processing_class=None))[0].startswith("row 3: '[2, ")
