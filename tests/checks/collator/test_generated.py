"""The checks of the family ``collator``: quiet on the collators that users write, red where one spoils a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    default_data_collator,
)

from pytest_ftcheck.checks.catalogue import Check, NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.collator.generated import collator_subject
from pytest_ftcheck.checks.collator.invariants import INVARIANTS
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.heads.traits import MASKED_TOKENS, of_another_kind

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
Features = list[dict[str, Any]]
Collator = Callable[[Features], Any]


@pytest.fixture(scope="module")
def make(make_pipeline: Callable[..., Pipeline]) -> Callable[[str], Pipeline]:
    """Pipelines for which few batches are generated."""
    thresholds = {name: {"examples": 6.0} for name in INVARIANTS}

    def build(task: str) -> Pipeline:
        pipeline = make_pipeline(task, train_rows=32, eval_rows=32)
        return replace(pipeline, card=replace(pipeline.card, thresholds=thresholds))

    return build


@pytest.fixture(scope="module")
def pair(make: Callable[[str], Pipeline]) -> Pipeline:
    return make("mrpc")


@pytest.fixture(scope="module")
def single(make: Callable[[str], Pipeline]) -> Pipeline:
    return make("sst2")


def evidence_of(pipeline: Pipeline, **changes: Any) -> Evidence:
    return Evidence(
        replace(pipeline, **changes),
        engine="trainer",
        seed=0,
        environment=ENVIRONMENT,
        make_run=lambda: pytest.fail("no run is needed"),
        make_probe=lambda **_: pytest.fail("no probe is needed"),
    )


def keeping_all_columns(evidence: Evidence) -> Evidence:
    """As with ``remove_unused_columns=False``."""
    evidence.features = lambda rows, indices: rows.select(indices).to_list()  # type: ignore[method-assign]  # of this one alone
    return evidence


def family() -> list[Check]:
    return [entry for entry in catalogue().values() if entry.family == "collator"]


def red(evidence: Evidence) -> set[str]:
    found = set()
    for entry in family():
        try:
            found |= {entry.name} if run_check(entry, evidence) else set()
        except NotApplicable:
            continue
    return found


def test_every_invariant_is_a_check() -> None:
    of_rows = {entry.id for entry in family() if MASKED_TOKENS not in entry.needs}
    assert of_rows == {*INVARIANTS, "collator.lengths_example", "collator.choices_together"}
    for entry in family():
        assert entry.cost == "free"
        assert entry.meaning.endswith(".")
        assert entry.catches
        assert entry.hint.endswith(".")


# -- collators as users write them ------------------------------------------------------------------------------------


def by_hand(features: Features, width: int | None = None) -> dict[str, Any]:
    """Pad with 0 to the longest row, or to a width; no token types."""
    longest = width or max(len(row["input_ids"]) for row in features)
    ids = [row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in features]
    mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in features]
    labels = [row["labels"] for row in features]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask), "labels": torch.tensor(labels)}


def to_blocks_of_24(features: Features) -> dict[str, Any]:
    return by_hand(features, -(-max(len(row["input_ids"]) for row in features) // 24) * 24)


def always_50_wide(features: Features) -> dict[str, Any]:
    return by_hand(features, 50)


def with_sequences(features: Features) -> dict[str, Any]:
    ids = [torch.tensor(row["input_ids"]) for row in features]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=0)
    labels = torch.tensor([row["labels"] for row in features])
    return {"input_ids": padded, "attention_mask": padded != 0, "labels": labels}


def with_weights(features: Features) -> dict[str, Any]:
    return {**by_hand(features), "weights": torch.tensor([1.0 + row["labels"] for row in features])}


def with_arrays(features: Features) -> dict[str, Any]:
    longest = max(len(row["input_ids"]) for row in features)
    ids = np.zeros((len(features), longest), dtype=np.int64)
    for at, row in enumerate(features):
        ids[at, : len(row["input_ids"])] = row["input_ids"]
    labels = np.array([row["labels"] for row in features])
    arrays = {"input_ids": ids, "attention_mask": 1 * (ids > 0), "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


USERS: dict[str, Collator] = {
    function.__name__: function
    for function in (by_hand, to_blocks_of_24, always_50_wide, with_sequences, with_weights, with_arrays)
}


@pytest.mark.parametrize("collator", USERS.values(), ids=USERS.keys())
def test_collators_of_single_texts_are_healthy(single: Pipeline, collator: Collator) -> None:
    assert red(evidence_of(single, data_collator=collator)) == set()


class ToMaxLength(DataCollatorWithPadding):
    """Pads in its own way and says nothing of it."""

    def __call__(self, features: Features) -> Any:
        return self.tokenizer.pad(features, padding="max_length", max_length=60, return_tensors="pt")


OF_TRANSFORMERS: dict[str, Callable[[Any], Collator]] = {
    "dynamic": DataCollatorWithPadding,
    "blocks of 8": lambda tokenizer: DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8),
    "own subclass": ToMaxLength,
    "tokenizer.pad": lambda tokenizer: lambda features: tokenizer.pad(features, return_tensors="pt"),
}


@pytest.mark.parametrize("collator_of", OF_TRANSFORMERS.values(), ids=OF_TRANSFORMERS.keys())
@pytest.mark.parametrize("side", ["right", "left"])
def test_collators_of_pairs_are_healthy(pair: Pipeline, collator_of: Callable[[Any], Collator], side: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(pair.checkpoint.folder), padding_side=side)
    assert red(evidence_of(pair, processing_class=tokenizer, data_collator=collator_of(tokenizer))) == set()


def test_rows_of_one_length_are_healthy(pair: Pipeline) -> None:
    tokenizer: Any = pair.processing_class
    rows = pair.eval_dataset.map(lambda row: dict(tokenizer.pad(row, padding="max_length", max_length=64)))
    fixed = replace(pair, train_dataset=rows, eval_dataset=rows, data_collator=default_data_collator)
    evidence = evidence_of(fixed)
    assert collator_subject(evidence).fixed_length
    assert red(evidence) == set()
    renamed = rows.rename_column("labels", "label")
    assert red(evidence_of(fixed, train_dataset=renamed, eval_dataset=renamed)) == set()


def test_regression_is_healthy(make: Callable[[str], Pipeline]) -> None:
    assert red(evidence_of(make("stsb"))) == set()


def test_rows_may_hold_what_no_model_takes(single: Pipeline) -> None:
    texts = single.eval_dataset.add_column("text", [f"text {row}" for row in range(32)])
    texts = texts.add_column("idx", list(range(32)))
    known = list(range(32))

    def collate(features: Features) -> dict[str, Any]:
        weights = torch.tensor([float(known[row["idx"]]) for row in features])
        return {**by_hand(features), "weights": weights, "texts": [row["text"] for row in features]}

    evidence = keeping_all_columns(evidence_of(single, eval_dataset=texts, data_collator=collate))
    assert red(evidence) == set()


def formatted(formatted_rows: Any, rows: Any, indices: list[int]) -> Features:
    del rows
    return [dict(formatted_rows[index]) for index in indices]


def test_rows_may_be_tensors_or_arrays(single: Pipeline) -> None:
    for kind in ("torch", "numpy"):
        evidence = evidence_of(single)
        rows = single.eval_dataset.with_format(kind)
        evidence.features = functools.partial(formatted, rows)  # type: ignore[method-assign]  # of this one alone
        first = collator_subject(evidence).examples[0]["input_ids"]
        assert isinstance(first, torch.Tensor if kind == "torch" else np.ndarray)
        assert red(evidence) == set()


def test_collator_that_tokenizes_is_not_judged(pair: Pipeline) -> None:
    evidence = keeping_all_columns(
        evidence_of(pair, eval_dataset=pair.data.evaluation.rename_column("label", "labels"))
    )
    for entry in family():
        if of_another_kind(entry.needs, pair.card.head_rules.traits):
            continue
        with pytest.raises(NotApplicable, match="the collator makes the token ids itself, from idx, labels, sentence1"):
            run_check(entry, evidence)


def test_without_a_tokenizer_the_rest_is_judged(single: Pipeline) -> None:
    evidence = evidence_of(single, processing_class=None, data_collator=by_hand)
    assert red(evidence) == set()
    for name in ("side", "pad_id"):
        with pytest.raises(NotApplicable, match="no tokenizer"):
            run_check(catalogue()[f"collator.{name}"], evidence)

    def last_row_lost(features: Features) -> dict[str, Any]:
        return by_hand(features[:-1] or features)

    assert {"shape", "tokens", "labels"} <= red(evidence_of(single, processing_class=None, data_collator=last_row_lost))


def test_model_without_a_mask_needs_none(single: Pipeline) -> None:
    def collate(features: Features) -> dict[str, Any]:
        return {name: value for name, value in by_hand(features).items() if name != "attention_mask"}

    class NoMask(torch.nn.Module):
        def forward(self, input_ids: Any, labels: Any = None) -> Any:
            raise NotImplementedError

    assert "mask" in red(evidence_of(single, data_collator=collate))
    assert red(evidence_of(single, data_collator=collate, model_init=NoMask)) == set()


# -- planted defects, in rows as the pipeline has them ----------------------------------------------------------------


def test_dropped_token_types_of_pairs_are_found(pair: Pipeline) -> None:
    assert red(evidence_of(pair, data_collator=by_hand)) == {"token_type_ids"}


def test_shape_is_judged_by_what_a_collator_says_of_itself(single: Pipeline) -> None:
    class OneShort(DataCollatorWithPadding):
        def __call__(self, features: Features) -> Any:
            batch = super().__call__(features)
            longest = max(len(row["input_ids"]) for row in features)
            width = max(longest, batch["input_ids"].shape[1] - 1)
            return {name: value[:, :width] if value.dim() > 1 else value for name, value in batch.items()}

    tokenizer: Any = single.processing_class
    evidence = evidence_of(single, data_collator=OneShort(tokenizer, pad_to_multiple_of=8))
    assert red(evidence) == {"shape", "lengths_example"}


def test_what_real_rows_show_is_found(single: Pipeline) -> None:
    """A label that stands for another one in the data, and in no generated row."""
    marked = single.eval_dataset.add_column("hidden", [0] * 31 + [1])

    def collate(features: Features) -> dict[str, Any]:
        batch = by_hand(features)
        hidden = torch.tensor([row["hidden"] for row in features])
        return {**batch, "labels": torch.where(hidden == 1, 1 - batch["labels"], batch["labels"])}

    assert red(keeping_all_columns(evidence_of(single, eval_dataset=marked, data_collator=collate))) == {"labels"}


class ConvertsLabels(BertForSequenceClassification):
    """A class of a user's own, whose loss takes labels of any type."""


@pytest.mark.parametrize("own", [False, True])
def test_a_model_of_ones_own_may_convert_labels(make: Callable[[str], Pipeline], *, own: bool) -> None:
    pipeline = make("go_emotions")
    tokenizer: Any = pipeline.processing_class
    pad = DataCollatorWithPadding(tokenizer)

    def whole_numbers(features: Features) -> Any:
        batch = pad(features)
        return {**batch, "labels": batch["labels"].long()}

    model: Any = pipeline.model_init()
    model = ConvertsLabels(model.config) if own else model
    evidence = evidence_of(pipeline, data_collator=whole_numbers, model_init=lambda: model)
    found = run_check(catalogue()["collator.dtype"], evidence)
    assert [each.observed for each in found] == ([] if own else ["labels of torch.int64"])
