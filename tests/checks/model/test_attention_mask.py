"""A mask that a model drops or inverts is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
)

from pytest_ftcheck.checks.catalogue import NotApplicable
from tests.checks.model.changed_models import SMALL, evidence_of, judge, red, wrapped

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


def test_model_without_a_mask_by_design_is_not_judged(parts: Pipeline) -> None:
    config = AutoConfig.for_model("fnet", **SMALL, hidden_size=32, num_hidden_layers=1, intermediate_size=64)
    evidence = evidence_of(parts, model_init=lambda: AutoModelForSequenceClassification.from_config(config))
    for name in ("padding_invariance", "attention_mask_used"):
        with pytest.raises(NotApplicable, match="FNetForSequenceClassification takes no attention_mask"):
            judge(name, evidence)


def test_mask_that_is_dropped_is_found(parts: Pipeline) -> None:
    def forward(original: Any, input_ids: Any, **inputs: Any) -> Any:
        return original(input_ids=input_ids, token_type_ids=inputs.get("token_type_ids"))

    evidence = wrapped(parts, forward)
    assert red(evidence) == {"padding_invariance", "attention_mask_used"}
    (finding,) = judge("attention_mask_used", evidence)
    assert finding.expected.startswith("the same logits whatever token has a mask of 0: [")
    assert "with another token in column" in finding.observed
    (finding,) = judge("padding_invariance", evidence)
    assert "columns on the right" in finding.subject
    assert "it does not use the attention mask" in finding.hint


def test_mask_that_is_inverted_is_found(parts: Pipeline) -> None:
    def forward(original: Any, attention_mask: Any, **inputs: Any) -> Any:
        return original(attention_mask=1 - attention_mask, **inputs)

    assert {"padding_invariance", "attention_mask_used"} <= red(wrapped(parts, forward))


def test_model_that_needs_its_end_token_is_asked_with_it(parts: Pipeline) -> None:
    def forward(original: Any, input_ids: Any, **inputs: Any) -> Any:
        if not bool((input_ids == parts.processing_class.sep_token_id).any(dim=1).all()):  # type: ignore[union-attr]  # there is one
            msg = "Each example must contain an end token."
            raise ValueError(msg)
        return original(input_ids=input_ids, **inputs)

    assert judge("attention_mask_used", wrapped(parts, forward)) == []
