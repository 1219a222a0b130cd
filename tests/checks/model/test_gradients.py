"""Gradients before the first step: quiet on healthy models, red on each planted defect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.pipeline.card_source import CardSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from tests.checks.model.conftest import ModelParts


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


def test_frozen_backbone_is_found_and_can_be_meant(mrpc: ModelParts) -> None:
    evidence = mrpc.changed(lambda model: model.bert.requires_grad_(requires_grad=False))
    (finding,) = judge("gradients", evidence)
    assert finding.expected == "a backbone that is trained, in parts at least, or adapters in it"
    assert "frozen_backbone = 1" in finding.hint
    thresholds = {**mrpc.pipeline.card.thresholds, "model.gradients": {"frozen_backbone": 1.0}}
    assert judge("gradients", evidence.but(card=replace(mrpc.pipeline.card, thresholds=thresholds))) == []


@pytest.mark.parametrize(("rate", "level"), [(2e-5, "fail"), (1e-3, "warn")])
def test_frozen_backbone_of_a_user_warns_at_the_rate_of_a_head(mrpc: ModelParts, rate: float, level: str) -> None:
    evidence = mrpc.changed(lambda model: model.bert.requires_grad_(requires_grad=False))
    source = CardSource(loads_model=False)
    (finding,) = judge("gradients", evidence.but(source=source, args={"learning_rate": rate}))
    assert finding.level == level


def test_nothing_to_train_is_found(mrpc: ModelParts) -> None:
    (finding,) = judge("gradients", mrpc.changed(lambda model: model.requires_grad_(requires_grad=False)))
    assert finding.observed == "requires_grad is False for all of them"


def test_new_head_that_is_frozen_is_found(mrpc: ModelParts) -> None:
    (finding,) = judge("gradients", mrpc.changed(lambda model: model.classifier.requires_grad_(requires_grad=False)))
    assert finding.expected == "a new head that is trained"
    assert "classifier.weight" in finding.observed


def test_attribute_that_freezes_nothing_is_found(mrpc: ModelParts) -> None:
    def on_the_module(model: Any) -> None:
        model.bert.requires_grad = False

    def misspelt(model: Any) -> None:
        for parameter in model.bert.parameters():
            parameter.require_grad = False

    (finding,) = judge("gradients", mrpc.changed(on_the_module))
    assert finding.observed == "an attribute that freezes nothing: bert.requires_grad"
    (finding,) = judge("gradients", mrpc.changed(misspelt))
    assert "embeddings.word_embeddings.weight.require_grad" in finding.observed
    assert "requires_grad_(False)" in finding.hint


def without_gradient(module_of: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Cut the output of a module off from the loss."""

    def change(model: Any) -> None:
        module_of(model).register_forward_hook(lambda _, __, output: detached(output))

    return change


def detached(output: Any) -> Any:
    if isinstance(output, torch.Tensor):
        return output.detach()
    return type(output)(**{key: value.detach() for key, value in output.items()})


CUT_OFF = {
    "backbone": without_gradient(lambda model: model.bert),
    "embeddings": without_gradient(lambda model: model.bert.embeddings),
    "lower layer": without_gradient(lambda model: model.bert.encoder.layer[0]),
}


@pytest.mark.parametrize("change", CUT_OFF.values(), ids=CUT_OFF.keys())
def test_part_that_is_cut_off_is_found(mrpc: ModelParts, change: Callable[[Any], None]) -> None:
    (finding,) = judge("gradients", mrpc.changed(change))
    assert finding.expected == "a gradient for all trained parameters"
    assert finding.observed.startswith("none for bert.embeddings.word_embeddings.weight, ")
    assert "detach()" in finding.hint


def test_loss_apart_from_the_model_is_found(mrpc: ModelParts) -> None:
    evidence = mrpc.evidence(lambda model, batch: model(**batch).loss.detach())
    (finding,) = judge("gradients", evidence)
    assert finding.observed.startswith("none for bert.embeddings.")
    assert finding.observed.endswith("95% of the values that are trained")


def test_head_without_influence_is_found(mrpc: ModelParts) -> None:
    def change(model: Any) -> None:
        model.classifier.register_forward_hook(lambda _, __, output: output * 0)

    (finding,) = judge("gradients", mrpc.changed(change))
    assert "their gradient is 0" in finding.hint


def test_model_that_is_judged_as_it_is_needs_no_gradients(mrpc: ModelParts) -> None:
    for name in ("gradients", "gradient_checkpointing"):
        with pytest.raises(NotApplicable, match="nothing was trained"):
            judge(name, mrpc.evidence(trains=False))


def test_reentrant_checkpointing_above_frozen_embeddings_is_found(mrpc: ModelParts) -> None:
    args = {**mrpc.pipeline.args, "gradient_checkpointing_kwargs": {"use_reentrant": True}}
    reentrant = replace(mrpc, pipeline=replace(mrpc.pipeline, args=args))
    assert judge("gradient_checkpointing", reentrant.evidence()) == []

    def change(model: Any) -> None:
        model.bert.embeddings.requires_grad_(requires_grad=False)
        model.enable_input_require_grads = lambda: None

    (finding,) = judge("gradient_checkpointing", reentrant.changed(change))
    assert finding.observed == "none, with {'use_reentrant': True}"
    assert "use_reentrant" in finding.hint


def test_layer_that_changes_when_it_is_recomputed_is_found(mrpc: ModelParts) -> None:
    def change(model: Any) -> None:
        layer = model.bert.encoder.layer[1].output.dense
        calls = iter(range(100))
        layer.register_forward_hook(lambda _, __, output: output * (1 + next(calls) % 2))

    (finding,) = judge("gradient_checkpointing", mrpc.changed(change))
    assert finding.expected.startswith("gradients as without, to 0.0001 of the largest, ")


def test_model_without_checkpointing_is_not_judged(mrpc: ModelParts) -> None:
    def change(model: Any) -> None:
        model.supports_gradient_checkpointing = False

    with pytest.raises(NotApplicable, match="BertForSequenceClassification has no gradient checkpointing"):
        judge("gradient_checkpointing", mrpc.changed(change))
