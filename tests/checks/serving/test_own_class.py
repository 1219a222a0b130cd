"""A folder that a model class of the user's own loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import BertForSequenceClassification

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    MakeEvidence = Callable[..., Evidence]


class OwnBert(BertForSequenceClassification):
    """A class that only its user's code knows."""


class NeedsMore(BertForSequenceClassification):
    """A class whose folder is not all that it needs."""

    def __init__(self, config: Any, scale: float) -> None:
        super().__init__(config)
        self.scale = scale


def judge(evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()["serving.reload"], evidence)


def made(kind: type[BertForSequenceClassification], **arguments: Any) -> Callable[[], Any]:
    return lambda: kind.from_pretrained(bundled_checkpoint("tiny-bert"), **arguments)


def test_folder_that_its_own_class_loads_is_healthy(saved_evidence: MakeEvidence) -> None:
    assert judge(saved_evidence("mrpc", model_init=made(OwnBert))) == []


def test_weights_that_the_class_does_not_know_are_found(saved_evidence: MakeEvidence) -> None:
    def renamed(run: Any) -> None:
        from safetensors.torch import load_file, save_file

        path = run.model_folder / "model.safetensors"
        weights = load_file(path)
        weights["adapter.weight"] = weights.pop("classifier.weight") + torch.ones(())
        save_file(weights, path, metadata={"format": "pt"})

    (found,) = judge(saved_evidence("mrpc", renamed, model_init=made(OwnBert)))
    assert found.expected == "the evaluation's logits within 0.0001 from OwnBert.from_pretrained"
    assert "weights without a place: adapter.weight, classifier.weight" in found.observed
    assert "build them in __init__" in found.hint


def test_class_that_needs_more_than_the_folder_is_not_judged(saved_evidence: MakeEvidence) -> None:
    with pytest.raises(NotApplicable, match=r"NeedsMore.from_pretrained needs more than the folder: .*scale"):
        judge(saved_evidence("mrpc", model_init=made(NeedsMore, scale=2.0)))
