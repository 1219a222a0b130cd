"""Padding that has an effect on the logits is found; where it has none, nothing is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import (
    AutoTokenizer,
    DataCollatorWithPadding,
    default_data_collator,
)

from pytest_ftcheck.checks.catalogue import NotApplicable
from tests.checks.model.changed_models import changed, evidence_of, judge, red, small_model

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.pipeline.parts import Pipeline


def left_padded(parts: Pipeline, **changes: Any) -> Evidence:
    tokenizer = AutoTokenizer.from_pretrained(parts.checkpoint.folder, padding_side="left")
    collator = DataCollatorWithPadding(tokenizer)
    return evidence_of(parts, processing_class=tokenizer, data_collator=collator, **changes)


def test_left_padding_of_relative_positions_is_healthy(parts: Pipeline) -> None:
    assert red(left_padded(parts, model_init=lambda: small_model("llama"))) == set()


def test_left_padding_with_shifted_positions_is_healthy(parts: Pipeline) -> None:
    plain = left_padded(parts, model_init=lambda: small_model("gpt2"))

    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = dict(plain.pipeline.data_collator(features))
        return {**batch, "position_ids": (batch["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)}

    assert red(evidence_of(plain.pipeline, data_collator=collate)) == set()


def test_rows_of_one_length_are_judged_where_they_are_padded(parts: Pipeline) -> None:
    fixed = prepadded(parts)
    assert red(evidence_of(fixed)) == set()
    unmasked = fixed.eval_dataset.map(lambda row: {"attention_mask": [1] * len(row["input_ids"])})
    (finding,) = judge("padding_invariance", evidence_of(fixed, eval_dataset=unmasked))
    assert finding.subject.endswith("columns on the right")
    assert "the attention mask does not cover the padding" in finding.hint


def prepadded(parts: Pipeline) -> Pipeline:
    tokenizer: Any = parts.processing_class
    rows = parts.eval_dataset.map(lambda row: dict(tokenizer.pad(row, padding="max_length", max_length=64)))
    return replace(parts, eval_dataset=rows, data_collator=default_data_collator)


def test_rows_that_are_never_padded_are_not_judged(parts: Pipeline) -> None:
    rows = parts.eval_dataset.map(
        lambda row: {name: row[name][:10] for name in ("input_ids", "attention_mask", "token_type_ids")}
    )
    with pytest.raises(NotApplicable, match="every row has 10 tokens: nothing is ever padded"):
        judge("padding_invariance", evidence_of(parts, eval_dataset=rows))


def test_left_padding_without_shifted_positions_is_a_warning_where_the_last_token_is_read(parts: Pipeline) -> None:
    evidence = left_padded(parts, model_init=lambda: small_model("gpt2"))
    (warned,) = judge("padding_invariance", evidence)
    assert warned.level == "warn"
    assert warned.expected.endswith(", as alone (fails where the head reads the padding)")


def test_left_padding_without_shifted_positions_is_found(parts: Pipeline) -> None:
    evidence = left_padded(parts)
    assert red(evidence) == {"padding_invariance"}
    (finding,) = judge("padding_invariance", evidence)
    assert finding.level == "fail"
    assert "columns on the left" in finding.subject
    assert finding.hint.startswith("positions are counted from the first column")


def test_head_that_pools_over_padding_is_found(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        def forward(input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            states = model.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
            return {"logits": model.classifier(states.last_hidden_state.mean(dim=1))}

        model.forward = forward

    assert "padding_invariance" in red(changed(parts, change))


def test_mask_of_ones_from_the_collator_is_found(parts: Pipeline) -> None:
    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = dict(parts.data_collator(features))
        return {**batch, "attention_mask": torch.ones_like(batch["attention_mask"])}

    evidence = evidence_of(parts, data_collator=collate)
    (finding,) = judge("padding_invariance", evidence)
    assert "the attention mask does not cover the padding" in finding.hint


def test_collator_that_changes_tokens_is_left_to_its_own_check(parts: Pipeline) -> None:
    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = dict(parts.data_collator(features))
        return {**batch, "input_ids": batch["input_ids"].flip(1) if len(features) > 1 else batch["input_ids"]}

    with pytest.raises(NotApplicable, match=r"changes the tokens of a row"):
        judge("padding_invariance", evidence_of(parts, data_collator=collate))
