"""From a card and settings to the parts of a fine-tune."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from datasets import Dataset

from pytest_ftcheck import columns
from pytest_ftcheck.errors import CheckpointError, DataError, TaskError
from pytest_ftcheck.pipeline.from_card import (
    build_pipeline,
    check_metric_keys,
    decide_checkpoint,
    decide_data,
    decide_tier,
    tokenize,
)
from pytest_ftcheck.pipeline.from_checkpoint import load_tokenizer, resolve_checkpoint
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import MetricSpec, TaskCard, load_card

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from pytest_ftcheck.pipeline.parts import Pipeline

torch.set_num_threads(1)

MRPC, SST2, STSB = (load_card(name, {}) for name in ("mrpc", "sst2", "stsb"))
MINE = replace(MRPC, name="reviews", checkpoints={"full": "org/bert"}, dataset=None)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(resolve_checkpoint("tiny-bert"))


def test_rows_are_tokenized_in_batches_as_in_one(
    tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"{'very ' * (row % 9)}good number {row}" for row in range(50)]
    rows = Dataset.from_dict({"sentence": texts, "label": [row % 2 for row in range(50)]}).shuffle(seed=1)
    whole = tokenize(SST2, rows, tokenizer, 8)
    monkeypatch.setattr(columns, "BATCH", 7)
    batches = tokenize(SST2, rows, tokenizer, 8)
    assert batches.to_dict() == whole.to_dict()
    assert batches.features == whole.features
    assert whole["input_ids"][:] == tokenizer(rows["sentence"][:], truncation=True, max_length=8)["input_ids"]


TIERS: list[tuple[TaskCard, dict[str, Any], str]] = [
    (MRPC, {}, "tiny"),
    (MRPC, {"model": "tiny-distilbert"}, "tiny"),
    (MRPC, {"data": "bundled"}, "tiny"),
    (MRPC, {"model": "org/bert"}, "full"),
    (MRPC, {"data": "hub"}, "full"),
    (MRPC, {"data": "my/folder", "model": "tiny-bert"}, "full"),
    (MRPC, {"model": "org/bert", "tier": "tiny"}, "tiny"),
    (MRPC, {"tier": "full"}, "full"),
    (MINE, {}, "full"),
    (MINE, {"data": "bundled"}, "tiny"),
    (replace(MRPC, data="my/folder"), {}, "full"),
    (replace(MRPC, data="hub"), {"data": "bundled"}, "tiny"),
]


@pytest.mark.parametrize(("card", "options", "tier"), TIERS)
def test_tier_is_tiny_where_model_and_data_are_bundled(card: TaskCard, options: dict[str, Any], tier: str) -> None:
    assert decide_tier(card, Settings(**options)) == tier


DATA: list[tuple[TaskCard, dict[str, Any], str, str]] = [
    (MRPC, {}, "tiny", "bundled"),
    (MRPC, {}, "full", "hub"),
    (MRPC, {"data": "my/folder"}, "full", "my/folder"),
    (replace(MRPC, data="hub"), {}, "tiny", "hub"),
    (replace(MRPC, data="mine"), {}, "tiny", "{root}/mine"),
    (replace(MRPC, data="/abs/mine"), {}, "tiny", "/abs/mine"),
    (replace(MRPC, data="mine"), {"data": "bundled"}, "tiny", "bundled"),
]


@pytest.mark.parametrize(("card", "options", "tier", "expected"), DATA)
def test_data_is_the_users_else_the_cards_else_the_tiers(
    tmp_path: Path, card: TaskCard, options: dict[str, Any], tier: str, expected: str
) -> None:
    settings = Settings(rootdir=tmp_path, **options)
    assert decide_data(card, settings, tier) == expected.format(root=tmp_path)


@pytest.mark.parametrize(
    ("checkpoint", "options", "expected"),
    [
        ("org/bert", {}, "org/bert"),
        ("mine", {}, "{root}/mine"),
        ("tiny-bert", {}, "tiny-bert"),
        ("mine", {"model": "tiny-distilbert"}, "tiny-distilbert"),
    ],
)
def test_checkpoint_is_the_users_else_the_cards(
    tmp_path: Path, checkpoint: str, options: dict[str, Any], expected: str
) -> None:
    for name in ("mine", "tiny-bert"):
        (tmp_path / name).mkdir()
    card = replace(MRPC, checkpoints={"full": checkpoint})
    settings = Settings(rootdir=tmp_path, **options)
    assert decide_checkpoint(card, settings, "full") == expected.format(root=tmp_path)


def test_card_without_a_checkpoint_for_the_tier_is_explained() -> None:
    with pytest.raises(TaskError) as caught:
        decide_checkpoint(MINE, Settings(), "tiny")
    assert str(caught.value) == (
        "task 'reviews' has no checkpoint for tier tiny. Give --ftcheck-model, or checkpoint.tiny in its card."
    )


def pair(*rows: tuple[str, str]) -> Dataset:
    first, second = zip(*rows, strict=True)
    return Dataset.from_dict({"sentence1": list(first), "sentence2": list(second), "label": list(range(len(rows)))})


def test_pair_is_tokenized_with_both_segments(tokenizer: PreTrainedTokenizerBase) -> None:
    (row,) = tokenize(MRPC, pair(("Tom threw parcels.", "Tom tossed seven parcels.")), tokenizer)
    first, second = row["token_type_ids"].count(0), row["token_type_ids"].count(1)
    assert row["token_type_ids"] == [0] * first + [1] * second
    assert row["input_ids"].count(tokenizer.sep_token_id) == 2
    assert (row["input_ids"][0], row["input_ids"][first - 1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    alone = tokenizer("Tom tossed seven parcels.", add_special_tokens=False)["input_ids"]
    assert row["input_ids"][first:-1] == alone


def test_single_text_has_one_segment(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = Dataset.from_dict({"sentence": ["Tom threw parcels."], "label": [1]})
    (row,) = tokenize(SST2, rows, tokenizer)
    assert set(row["token_type_ids"]) == {0}
    assert row["labels"] == 1


def test_rows_keep_their_order_and_are_not_padded(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = [("Tom " * count, "Tom") for count in (3, 1, 2)]
    tokenized = tokenize(MRPC, pair(*texts), tokenizer)
    assert [len(ids) for ids in tokenized["input_ids"]] == [3 + 4, 1 + 4, 2 + 4]
    assert list(tokenized["labels"]) == [0, 1, 2]


@pytest.mark.parametrize(("max_length", "expected"), [(12, 12), (None, 128)])
def test_long_rows_are_truncated(tokenizer: PreTrainedTokenizerBase, max_length: int | None, expected: int) -> None:
    (row,) = tokenize(MRPC, pair(("Tom " * 200, "Tom")), tokenizer, max_length)
    assert len(row["input_ids"]) == expected
    assert row["token_type_ids"].count(1) == 2


def test_texts_that_the_tokenizer_refuses_are_explained(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = Dataset.from_dict({"sentence": [7], "label": [1]})
    with pytest.raises(DataError, match=r"^cannot tokenize sentence of task 'sst2': "):
        tokenize(SST2, rows, tokenizer)


def test_metric_key_that_the_metric_does_not_give_is_explained() -> None:
    card = replace(MRPC, metric=MetricSpec("accuracy", None, {"acc": True}))
    with pytest.raises(TaskError) as caught:
        check_metric_keys(card)
    assert str(caught.value) == (
        "unknown metric key of task 'mrpc': 'acc'. Did you mean 'accuracy'? Known: accuracy. "
        "metric.greater_is_better takes keys that 'accuracy' returns."
    )


def test_metric_in_the_wrong_direction_is_explained() -> None:
    card = replace(MRPC, metric=MetricSpec("mse", None, {"mse": True}))
    with pytest.raises(TaskError, match=r"^task card 'mrpc': metric\.greater_is_better\.mse must be false\.$"):
        check_metric_keys(card)


WRONG: list[tuple[dict[str, Any], dict[str, Any], type[Exception], str]] = [
    ({"metric": MetricSpec("acuracy", None, {"accuracy": True})}, {}, TaskError, "unknown metric 'acuracy'. Did you"),
    ({}, {"model": "tiny-brt"}, CheckpointError, "no checkpoint 'tiny-brt'"),
    ({"label_column": "gold"}, {}, DataError, "train split of bundled has no column 'gold': its columns are "),
    ({"text_columns": ("premise",)}, {}, DataError, "train split of bundled has no column 'premise': its columns are "),
    ({}, {"data": "./nowhere"}, DataError, "no data at './nowhere'"),
]


@pytest.mark.parametrize(("changes", "options", "error", "start"), WRONG)
def test_parts_that_do_not_fit_are_explained(
    changes: dict[str, Any], options: dict[str, Any], error: type[Exception], start: str
) -> None:
    with pytest.raises(error) as caught:
        build_pipeline(replace(MRPC, **changes), Settings(**options))
    assert str(caught.value).startswith(start)


def test_pipeline_has_every_part(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline(train_rows=8, eval_rows=4)
    assert (pipeline.tier, pipeline.subject) == ("tiny", "mrpc with tiny-bert on bundled")
    assert (len(pipeline.train_dataset), len(pipeline.eval_dataset)) == (8, 4)
    assert list(pipeline.eval_dataset["labels"]) == list(pipeline.data.evaluation["label"])
    assert "max_length" not in pipeline.args
    assert pipeline.args["learning_rate"] == MRPC.recipe("tiny", "tiny-bert")["learning_rate"]


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_parts_work_together(make_pipeline: Callable[..., Pipeline], task: str) -> None:
    pipeline = make_pipeline(task, train_rows=4, eval_rows=4)
    model = pipeline.model_init()
    batch = pipeline.data_collator(list(pipeline.train_dataset))
    output = model(**batch)
    assert output.logits.shape == (4, pipeline.card.num_labels)
    assert torch.isfinite(output.loss)
    assert batch["labels"].dtype == (torch.float32 if task == "stsb" else torch.int64)


def test_max_length_of_the_recipe_reaches_the_tokenizer() -> None:
    card = load_card("mrpc", {"mrpc": {"recipe": {"tiny": {"max_length": 9}}}})
    pipeline = build_pipeline(card, Settings(max_train_rows=4, max_eval_rows=4))
    assert {len(ids) for ids in pipeline.train_dataset["input_ids"]} == {9}


def test_dtype_of_the_settings_reaches_the_model() -> None:
    pipeline = build_pipeline(STSB, Settings(max_train_rows=2, max_eval_rows=2, dtype="bfloat16"))
    assert pipeline.model_init().dtype == torch.bfloat16
