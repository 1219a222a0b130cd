"""Generated rows: their lengths, their special tokens, and how wide their batches are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast

from pytest_ftcheck.checks.collator.batches import batch_finding
from pytest_ftcheck.checks.collator.invariants import check_lengths_example
from pytest_ftcheck.checks.collator.padding_rule import PaddingRule
from pytest_ftcheck.checks.collator.ragged import features as generated
from pytest_ftcheck.checks.collator.ragged import features_of_lengths, smallest_failure

CLS, SEP = 2, 3


def test_lengths_example_by_hand(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    for multiple, width in ((None, 67), (4, 68), (8, 72)):
        collator = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=multiple)
        subject = kit.build_subject(collator, tokenizer)
        rows = features_of_lengths(subject, (50, 59, 47, 67, 59, 50, 62, 32))
        assert [len(row["input_ids"]) for row in rows] == [50, 59, 47, 67, 59, 50, 62, 32]
        assert collator(rows)["input_ids"].shape == (8, width)
        assert PaddingRule.of(subject).widths(67) == (width,)
        assert check_lengths_example(subject) == []


def test_generated_rows_hold_special_tokens_at_their_places(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    subject = kit.build_subject(DataCollatorWithPadding(tokenizer), tokenizer)
    assert features_of_lengths(subject, (5, 2)) == [
        {
            "input_ids": [CLS, SEP, 6, 7, SEP],
            "token_type_ids": [0, 0, 1, 1, 1],
            "attention_mask": [1, 1, 1, 1, 1],
            "labels": 0,
        },
        {"input_ids": [11, 12], "token_type_ids": [0, 1], "attention_mask": [1, 1], "labels": 1},
    ]


def test_label_vector_as_long_as_a_row_stays_a_vector(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    """A row of five tokens that has five labels by chance is the pattern of generated rows of any length."""
    real = tuple(
        {
            "input_ids": [CLS, *range(5, 3 + length), SEP],
            "attention_mask": [1] * length,
            "labels": [0.0, 1.0] + [0.0] * 3,
        }
        for length in (5, 9, 5)
    )
    subject = kit.build_subject(
        DataCollatorWithPadding(tokenizer),
        tokenizer,
        head="multi-label-classification",
        num_labels=5,
        input_names=("input_ids", "attention_mask"),
        examples=real,
    )
    for equal in (subject, replace(subject, examples=real[::2])):
        widths: list[int] = []

        def judged(rows: list[dict[str, Any]], widths: list[int] = widths) -> list[Any]:
            widths.extend(len(row["labels"]) for row in rows)
            return []

        assert smallest_failure(generated(equal), judged) == []
        assert set(widths) == {5}
        assert len({len(row["input_ids"]) for row in features_of_lengths(equal, (2, 7))}) == 2
        assert {len(row["labels"]) for row in features_of_lengths(equal, (2, 7))} == {5}


def test_a_finding_shows_its_features(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    rows = features_of_lengths(kit.build_subject(DataCollatorWithPadding(tokenizer), tokenizer), (14, 2, 1, 1))
    shown = batch_finding("collator.mask", rows, "a", "b", "c").evidence
    assert shown[0] == (
        "feature 0: input_ids [2, 5, 6, 7, 8, 9, 3, 11, 12, 13, 14, 15, ... 14 in all], token_type_ids "
        "[0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, ... 14 in all], attention_mask all 1, labels 0"
    )
    assert shown[1:] == (
        "feature 1: input_ids [11, 12], token_type_ids [0, 1], attention_mask all 1, labels 1",
        "feature 2: input_ids [18], token_type_ids [1], attention_mask [1], labels 2",
    )
