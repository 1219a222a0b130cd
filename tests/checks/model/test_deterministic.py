"""Noise in evaluation mode is found, and is one red."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from pytest_ftcheck.checks.catalogue import ReportedBy
from tests.checks.model.changed_models import judge, wrapped

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


def test_dropout_in_evaluation_is_found(parts: Pipeline) -> None:
    def forward(original: Any, **inputs: Any) -> Any:
        return {"logits": nn.functional.dropout(original(**inputs).logits, 0.5, training=True)}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        (finding,) = judge("eval_deterministic", wrapped(parts, forward))
    assert finding.observed.endswith("the second time")
    assert "training=self.training" in finding.hint


@pytest.mark.parametrize("consequence", ["padding_invariance", "batch_invariance", "attention_mask_used"])
def test_noise_is_told_by_its_own_check_alone(parts: Pipeline, consequence: str) -> None:
    def forward(original: Any, **inputs: Any) -> Any:
        logits = original(**inputs).logits
        return {"logits": logits + torch.randn_like(logits)}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        evidence = wrapped(parts, forward)
        assert judge("eval_deterministic", evidence) != []
        with pytest.raises(ReportedBy, match=r"not judged because of model\.eval_deterministic"):
            judge(consequence, evidence)
