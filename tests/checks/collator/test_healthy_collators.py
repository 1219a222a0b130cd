"""Collators as healthy projects have them: no invariant is red."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from transformers import (
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    default_data_collator,
)

from pytest_ftcheck.checks.collator.invariants import (
    INVARIANTS,
    check_invariant,
    check_lengths_example,
    judge,
)
from pytest_ftcheck.checks.collator.ragged import features, smallest_failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.collator.batches import CollatorSubject
    from pytest_ftcheck.findings import Finding

Features = list[dict[str, Any]]

SEGMENTS = ("input_ids", "token_type_ids", "attention_mask")
PLAIN = ("input_ids", "attention_mask")
PAD = 1


def all_findings(subject: CollatorSubject) -> list[Finding]:
    """Judge each generated batch by all invariants: cheaper than one search for each."""

    def judge_all(rows: Features) -> list[Finding]:
        return [finding for name in INVARIANTS for finding in judge(name, subject, rows)]

    return smallest_failure(features(subject), judge_all, examples=20) + check_lengths_example(subject)


HEALTHY: dict[str, dict[str, Any]] = {
    "padding=True": {},
    "padding=longest": {"padding": "longest"},
    "padding=max_length": {"padding": "max_length", "max_length": 70},
    "padding=max_length of the model": {"padding": "max_length"},
    "max_length beside padding=True": {"max_length": 70},
    "multiple of 4": {"pad_to_multiple_of": 4},
    "multiple of 8": {"pad_to_multiple_of": 8},
    "max_length and multiple of 8": {"padding": "max_length", "max_length": 70, "pad_to_multiple_of": 8},
}


@pytest.mark.parametrize("name", INVARIANTS)
def test_invariant_holds_of_a_sound_collator(kit: Any, tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    assert check_invariant(name, kit.build_subject(DataCollatorWithPadding(tokenizer), tokenizer)) == []


@pytest.mark.parametrize("options", HEALTHY.values(), ids=HEALTHY.keys())
def test_data_collator_with_padding_is_healthy(
    kit: Any, tokenizer: PreTrainedTokenizerFast, options: dict[str, Any]
) -> None:
    assert all_findings(kit.build_subject(DataCollatorWithPadding(tokenizer, **options), tokenizer)) == []


@pytest.mark.parametrize(
    ("names", "options"),
    [
        pytest.param(SEGMENTS, {"padding_side": "left"}, id="left padding"),
        pytest.param(PLAIN, {}, id="no token_type_ids"),
        pytest.param(PLAIN, {"padding_side": "left", "pad_token": "[SEP]"}, id="pad token is the last token too"),
        pytest.param(SEGMENTS, {"pad_token_type_id": 3}, id="pad_token_type_id 3"),
        pytest.param((*SEGMENTS, "special_tokens_mask"), {}, id="special_tokens_mask"),
    ],
)
def test_tokenizers_of_every_kind_are_healthy(kit: Any, names: tuple[str, ...], options: dict[str, Any]) -> None:
    tokenizer = kit.build_tokenizer(names, **options)
    subject = kit.build_subject(DataCollatorWithPadding(tokenizer), tokenizer, input_names=names)
    assert all_findings(subject) == []


def test_mask_is_made_by_the_tokenizer_where_features_have_none(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    subject = kit.build_subject(DataCollatorWithPadding(tokenizer), tokenizer, input_names=("input_ids",))
    assert all_findings(subject) == []


def test_regression_with_label_key_label_is_healthy(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    collator = DataCollatorWithPadding(tokenizer)
    subject = kit.build_subject(collator, tokenizer, head="regression", num_labels=1, label_key="label")
    assert all_findings(subject) == []


def test_default_data_collator_is_sound_on_rows_of_one_length(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    subject = kit.build_subject(default_data_collator, tokenizer, fixed_length=True, label_key="label")
    assert all_findings(subject) == []


def test_plain_function_may_pad_as_it_likes(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    def collate(features: Features) -> Mapping[str, Any]:
        return tokenizer.pad(features, padding="max_length", max_length=96, return_tensors="pt")

    assert all_findings(kit.build_subject(collate, tokenizer)) == []


def test_boolean_mask_is_healthy(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    collator = kit.Spoiled(tokenizer, spoil=lambda batch, _: {**batch, "attention_mask": batch["input_ids"] != PAD})
    assert all_findings(kit.build_subject(collator, tokenizer)) == []


@pytest.mark.parametrize("own_loss", [False, True])
def test_integers_as_labels_of_a_regression_need_a_loss_of_ones_own(
    kit: Any,
    tokenizer: PreTrainedTokenizerFast,
    own_loss: bool,  # noqa: FBT001 - a parameter
) -> None:
    def rounded(rows: Features) -> Any:
        batch = DataCollatorWithPadding(tokenizer)(rows)
        return {**batch, "labels": batch["labels"].long()}

    subject = kit.build_subject(rounded, tokenizer, head="regression", num_labels=1, own_loss=own_loss)
    found = check_invariant("dtype", subject)
    assert [finding.observed for finding in found] == ([] if own_loss else ["labels of torch.int64"])


def test_a_collator_of_ones_own_may_leave_a_column_of_padding_at_the_end(
    kit: Any, tokenizer: PreTrainedTokenizerFast
) -> None:
    def wide(rows: Features) -> Any:
        longest = max(len(row["input_ids"]) for row in rows) + 1
        return tokenizer.pad(rows, padding="max_length", max_length=longest, return_tensors="pt")

    subject = kit.build_subject(wide, tokenizer)
    assert check_invariant("shape", replace(subject, narrowest=subject.min_length + 1)) == []
    assert (
        check_invariant("shape", replace(subject, narrowest=subject.min_length)) != []
    )  # where others are as wide as their rows
