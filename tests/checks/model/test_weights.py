"""The weights that training starts from: quiet on healthy models, red on each planted defect."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.pipeline.quiet import quiet_libraries

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from tests.checks.model.conftest import ModelParts


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


def test_layer_that_is_made_anew_is_found(mrpc: ModelParts) -> None:
    evidence = mrpc.changed(lambda model: model.bert.encoder.layer[1].apply(reinitialised))
    (finding,) = judge("new_weights", evidence)
    assert finding.expected == "pretrained weights everywhere below the head"
    assert finding.observed.startswith("random ones in bert.encoder.layer.1.")
    thresholds = {**mrpc.pipeline.card.thresholds, "model.new_weights": {"new": 0.5}}
    assert judge("new_weights", evidence.but(card=replace(mrpc.pipeline.card, thresholds=thresholds))) == []


def reinitialised(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight)


def from_config(mrpc: ModelParts, **changes: Any) -> Any:
    return AutoModelForSequenceClassification.from_config(
        AutoConfig.from_pretrained(str(mrpc.pipeline.checkpoint.folder), **changes)
    )


def test_weights_that_were_never_loaded_are_found(mrpc: ModelParts) -> None:
    (finding,) = judge("new_weights", mrpc.evidence(model_init=lambda: from_config(mrpc)))
    assert finding.observed.endswith("more")
    assert "report of from_pretrained" in finding.hint


def test_weights_that_every_seed_draws_alike_are_compared_with_the_checkpoint(mrpc: ModelParts) -> None:
    def seeded(model: Any) -> None:
        torch.manual_seed(7)  # as a script does that seeds by itself
        model.bert.encoder.layer[1].apply(reinitialised)

    (finding,) = judge("new_weights", mrpc.changed(seeded))
    assert finding.observed.startswith("random ones in bert.encoder.layer.1.")
    trained_further = mrpc.changed(lambda model: model.bert.encoder.apply(moved_a_little))
    assert judge("new_weights", trained_further) == []


def test_weights_that_a_factory_trains_are_not_random(mrpc: ModelParts) -> None:
    def trained(model: Any) -> None:  # by a seed that the caller has set
        for parameter in model.bert.parameters():
            parameter.data += 0.1 * parameter.abs().mean() * torch.randn_like(parameter)

    assert judge("new_weights", mrpc.changed(trained)) == []


def moved_a_little(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        torch.manual_seed(7)
        module.weight.data += 0.3 * module.weight.std() * torch.randn_like(module.weight)


def test_training_from_scratch_is_not_judged(mrpc: ModelParts) -> None:
    nowhere = replace(mrpc.pipeline.checkpoint, folder=None)
    evidence = mrpc.evidence(checkpoint=nowhere, model_init=lambda: from_config(mrpc))
    with pytest.raises(NotApplicable, match="it is trained from scratch"):
        judge("new_weights", evidence)


def test_layers_that_are_left_over_are_found(mrpc: ModelParts) -> None:
    def shallow() -> Any:
        with quiet_libraries():
            return AutoModelForSequenceClassification.from_pretrained(
                str(mrpc.pipeline.checkpoint.folder), num_hidden_layers=1
            )

    (finding,) = judge("new_weights", mrpc.evidence(model_init=shallow))
    assert finding.expected == "a place in the model for every weight of the checkpoint"
    assert finding.observed.startswith("none for encoder.layer.1.")


def test_heads_of_the_checkpoint_are_no_surprise(mrpc: ModelParts, tmp_path: Path) -> None:
    assert mrpc.pipeline.checkpoint.folder is not None
    tensors = load_file(mrpc.pipeline.checkpoint.folder / "model.safetensors")
    older = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in tensors.items()}
    surplus = {"cls.predictions.bias": torch.zeros(374), "embeddings.position_ids": torch.arange(128)}
    save_file({**older, **surplus}, tmp_path / "model.safetensors")
    assert judge("new_weights", mrpc.evidence(checkpoint=replace(mrpc.pipeline.checkpoint, folder=tmp_path))) == []


def test_weights_in_another_dtype_are_found(mrpc: ModelParts) -> None:
    (finding,) = judge("dtype", mrpc.changed(lambda model: model.bert.encoder.layer[0].bfloat16()))
    assert finding.expected == "weights in torch.float32"
    assert finding.observed.startswith("torch.bfloat16 in 16 of 41: bert.encoder.layer.0.")


def test_dtype_of_a_trainer_is_its_users(mrpc: ModelParts) -> None:
    trainer = mrpc.of_a_trainer()
    assert judge("dtype", trainer.changed(lambda model: model.bert.bfloat16())) == []
    (finding,) = judge("dtype", trainer.changed(lambda model: model.half()))
    assert finding.expected == "no trained weights in torch.float16"


def test_pad_id_of_another_tokenizer_is_found(mrpc: ModelParts) -> None:
    (finding,) = judge("pad_token_id", mrpc.changed(lambda model: setattr(model.config, "pad_token_id", 1)))
    assert (finding.expected, finding.observed) == ("model.config.pad_token_id = 0, as the tokenizer has it", "1")
    collator: Any = SimpleNamespace(tokenizer=SimpleNamespace(pad_token_id=3))
    (finding,) = judge("pad_token_id", mrpc.evidence(data_collator=collator))
    assert finding.expected == "data_collator.tokenizer.pad_token_id = 0, as the tokenizer has it"


def test_pad_id_without_a_tokenizer_is_not_judged(mrpc: ModelParts) -> None:
    with pytest.raises(NotApplicable, match="no tokenizer"):
        judge("pad_token_id", mrpc.evidence(processing_class=None))
