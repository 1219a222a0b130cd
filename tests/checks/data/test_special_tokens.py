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


def test_rows_as_the_tokenizer_makes_them_are_healthy(pipeline: Pipeline) -> None:
    assert judge(pipeline) == []


def test_special_tokens_in_the_text_are_found(pipeline: Pipeline) -> None:
    found = judge(faults()["special_tokens_twice"].plant(pipeline))
    assert [(entry.expected, entry.observed) for entry in found] == [
        (once, f"{rows} of {rows} (100.0%) sampled rows {place}, the first is row 0")
        for rows in (40, 20)
        for once, place in (("[CLS] once", "begin with [CLS] [CLS]"), ("[SEP] once", "end with [SEP] [SEP]"))
    ]
    first = found[0].evidence
    assert [shown.partition(":")[0] for shown in first] == ["row 0", "row 1", "row 2"]
    assert all(shown.partition(": ")[2].startswith("[CLS] [CLS] ") for shown in first)
    assert all(shown.endswith(" [SEP] [SEP]") for shown in found[1].evidence)


def test_rows_without_special_tokens_are_found(pipeline: Pipeline) -> None:
    def bare(rows: Dataset) -> Dataset:
        tokenizer: Any = pipeline.processing_class
        special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
        kept = [[token for token in row if token not in special] for row in rows["input_ids"]]
        return Dataset.from_dict({"input_ids": kept, "labels": list(rows["labels"])})

    without = replace(pipeline, train_dataset=bare(pipeline.train_dataset), eval_dataset=bare(pipeline.eval_dataset))
    assert [(entry.expected, entry.observed) for entry in judge(without)] == [
        (
            "[CLS] first, as the tokenizer adds it",
            f"none of {rows} sampled rows holds a special token (add_special_tokens=False?)",
        )
        for rows in (40, 20)
    ]


def test_special_tokens_that_no_head_reads_only_warn(pipeline: Pipeline) -> None:
    class Begins(SimpleNamespace):
        def __call__(self, *_: str, **__: Any) -> dict[str, list[int]]:
            return {"input_ids": [1, 7]}

    names = {1: "<s>", 7: "a"}
    given = {
        "all_special_ids": [1],
        "pad_token_id": 0,
        "unk_token_id": None,
        "mask_token_id": None,
        "cls_token_id": None,
    }
    begins: Any = Begins(**given, convert_ids_to_tokens=lambda ids: [names[token] for token in ids])
    rows = Dataset.from_dict({"input_ids": [[7, 7], [7]], "labels": [0, 1]})
    found = judge(replace(pipeline, processing_class=begins, train_dataset=rows, eval_dataset=rows))
    assert [entry.level for entry in found] == ["warn", "warn"]
    assert found[0].expected == "<s> first, as the tokenizer adds it (a cls_token that is missing fails)"


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
