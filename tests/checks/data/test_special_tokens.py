"""Special tokens stand around a row once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


def judge(pipeline: Pipeline) -> list[Finding]:
    none: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=none, make_probe=none)
    return run_check(catalogue()["data.special_tokens"], evidence)


@pytest.fixture(params=["mrpc", "sst2"])
def pipeline(request: pytest.FixtureRequest, make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline(request.param, train_rows=40, eval_rows=20)


def test_rows_as_the_tokenizer_makes_them_are_sound(pipeline: Pipeline) -> None:
    assert judge(pipeline) == []


def test_special_tokens_in_the_text_are_found(pipeline: Pipeline) -> None:
    found = judge(faults()["special_tokens_twice"].plant(pipeline))
    assert [(entry.expected, entry.observed) for entry in found] == [
        (once, f"{rows} of {rows} (100.0%) sampled rows {place}, the first is row 0")
        for rows in (40, 20)
        for once, place in (("[CLS] once", "begin with [CLS] [CLS]"), ("[SEP] once", "end with [SEP] [SEP]"))
    ]


def test_pairs_without_a_second_text_end_twice_by_themselves(make_pipeline: Callable[..., Pipeline]) -> None:
    pair = make_pipeline("mrpc", train_rows=40, eval_rows=20)
    tokenizer: Any = pair.processing_class
    seconds = ["" if row % 3 else text for row, text in enumerate(pair.data.evaluation["sentence2"])]
    encoded = dict(tokenizer(list(pair.data.evaluation["sentence1"]), seconds))
    rows = Dataset.from_dict(encoded | {"labels": list(pair.data.evaluation["label"])})
    assert rows[1]["input_ids"][-2:] == [tokenizer.sep_token_id] * 2
    assert judge(replace(pair, eval_dataset=rows)) == []


def test_tokenizer_without_special_tokens_has_none_to_lose(pipeline: Pipeline) -> None:
    class Plain(SimpleNamespace):
        def __call__(self, *_: str, **__: Any) -> dict[str, list[int]]:
            return {"input_ids": [7]}

    plain: Any = Plain(all_special_ids=[])
    with pytest.raises(NotApplicable, match="no special tokens around a text"):
        judge(replace(pipeline, processing_class=plain))
