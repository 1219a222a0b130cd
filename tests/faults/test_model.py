"""Faults of the model do to its weights and its forward pass what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import set_seed

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import faults
from pytest_ftcheck.faults.planting import body_of, head_of, last_linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline


def model_of(pipeline: Pipeline, name: str | None = None) -> Any:
    """Return the model of a fault, or the healthy one, with the same head."""
    planted = faults()[name].plant(pipeline) if name else pipeline
    set_seed(0)
    return planted.model_init().eval()


@pytest.fixture(scope="module")
def batch(mrpc: Pipeline) -> dict[str, Any]:
    return dict(mrpc.data_collator(mrpc.eval_dataset.select(range(8)).to_list()))


@torch.no_grad()
def logits(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    found: torch.Tensor = model(**batch).logits
    return found


def test_the_head_has_an_output_more(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    model = model_of(mrpc, "head_too_wide")
    assert logits(model, batch).shape == (8, 3)
    assert model(**batch).loss.isfinite()


def test_head_or_body_is_frozen(mrpc: Pipeline) -> None:
    head, body = model_of(mrpc, "head_not_trained"), model_of(mrpc, "body_frozen")
    assert [any(p.requires_grad for p in part) for part in (head_of(head), body_of(head).parameters())] == [False, True]
    assert [any(p.requires_grad for p in part) for part in (head_of(body), body_of(body).parameters())] == [True, False]


def test_the_body_gets_no_gradient(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    model = model_of(mrpc, "body_detached")
    model(**batch).loss.backward()
    assert all(parameter.requires_grad and parameter.grad is None for parameter in body_of(model).parameters())
    assert all(parameter.grad is not None for parameter in head_of(model))


def test_the_body_is_random(mrpc: Pipeline) -> None:
    healthy, bad = model_of(mrpc), model_of(mrpc, "body_not_loaded")
    first, second = (dict(model.named_parameters()) for model in (healthy, bad))
    name = "bert.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(first[name], second[name])
    assert torch.equal(first["classifier.weight"], second["classifier.weight"])


def test_weights_of_the_head_are_changed(mrpc: Pipeline) -> None:
    _, healthy = last_linear(model_of(mrpc))
    _, large = last_linear(model_of(mrpc, "head_too_large"))
    _, spoilt = last_linear(model_of(mrpc, "weight_not_finite"))
    assert torch.allclose(large.weight, 50 * healthy.weight)
    assert int(spoilt.weight.isnan().sum()) == 1


@pytest.mark.parametrize("name", ["half_of_the_model_in_half", "weights_in_fp16"])
def test_weights_have_another_dtype(mrpc: Pipeline, name: str) -> None:
    kinds = {parameter.dtype for parameter in model_of(mrpc, name).parameters()}
    expected = {torch.bfloat16, torch.float32} if name.startswith("half") else {torch.float16}
    assert kinds == expected


@pytest.mark.parametrize(
    ("name", "names"),
    [("label_names_swapped", ["equivalent", "not_equivalent"]), ("label_names_generic", ["LABEL_0", "LABEL_1"])],
)
def test_classes_have_other_names(mrpc: Pipeline, name: str, names: list[str]) -> None:
    config = model_of(mrpc, name).config
    assert config.id2label == dict(enumerate(names))
    assert config.label2id == {label: index for index, label in enumerate(names)}


def test_classes_that_nobody_named_cannot_lose_their_names(mrpc: Pipeline) -> None:
    unnamed = replace(mrpc, card=replace(mrpc.card, label_names=("LABEL_0", "LABEL_1")))
    with pytest.raises(NotApplicable, match="the classes have no names"):
        faults()["label_names_generic"].plant(unnamed)


def test_train_mode_is_never_reached(mrpc: Pipeline) -> None:
    model = model_of(mrpc, "train_mode_overridden")
    assert not any(module.training for module in model.train().modules())


@pytest.mark.parametrize("task", ["mrpc", "sst2"])
@pytest.mark.parametrize("checkpoint", ["tiny-bert", "tiny-distilbert"])
def test_the_mask_is_ignored(healthy: Callable[..., Pipeline], task: str, checkpoint: str) -> None:
    pipeline = healthy(task, model=checkpoint)
    batch = dict(pipeline.data_collator(pipeline.eval_dataset.select(range(4)).to_list()))
    masked = {
        **batch,
        "attention_mask": torch.cat([batch["attention_mask"][:, :3], 0 * batch["attention_mask"][:, 3:]], 1),
    }
    assert not torch.equal(*(logits(model_of(pipeline), given) for given in (batch, masked)))
    assert torch.equal(*(logits(model_of(pipeline, "mask_ignored"), given) for given in (batch, masked)))


@pytest.mark.parametrize("checkpoint", ["tiny-bert", "tiny-distilbert"])
def test_what_follows_the_first_separator_makes_no_difference(
    healthy: Callable[..., Pipeline], checkpoint: str
) -> None:
    pipeline = healthy("mrpc", model=checkpoint)
    batch = dict(pipeline.data_collator(pipeline.eval_dataset.select([0]).to_list()))
    other = batch["input_ids"].clone()
    other[0, -3] = 50
    changed = {**batch, "input_ids": other}
    assert not torch.equal(*(logits(model_of(pipeline), given) for given in (batch, changed)))
    assert torch.equal(*(logits(model_of(pipeline, "second_segment_ignored"), given) for given in (batch, changed)))


def test_logits_depend_on_the_other_rows(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    few = {name: value[:4] for name, value in batch.items()}
    healthy, bad = model_of(mrpc), model_of(mrpc, "rows_mixed")
    assert torch.allclose(logits(healthy, batch)[:4], logits(healthy, few), atol=1e-5)
    assert not torch.allclose(logits(bad, batch)[:4], logits(bad, few), atol=1e-3)


def test_dropout_is_active_in_evaluation(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    model = model_of(mrpc, "dropout_always_on")
    assert not torch.equal(logits(model, batch), logits(model, batch))


def test_the_model_pads_with_another_id(mrpc: Pipeline) -> None:
    assert mrpc.processing_class is not None
    assert model_of(mrpc, "pad_token_unknown_to_model").config.pad_token_id != mrpc.processing_class.pad_token_id


def test_the_order_of_tokens_makes_no_difference(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    model = model_of(mrpc, "positions_lost")
    row = {name: value[:1, :3] for name, value in batch.items() if name not in ("labels", "token_type_ids")}
    turned = {**row, "input_ids": row["input_ids"][:, [0, 2, 1]]}
    assert torch.allclose(logits(model, row), logits(model, turned), atol=1e-5)


def test_the_input_makes_no_difference(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    seen = logits(model_of(mrpc, "input_ignored"), batch)
    # Kernels may sum the rows of a batch in another order.
    torch.testing.assert_close(seen, seen[:1].expand_as(seen), rtol=0, atol=1e-6)


def test_a_layer_changes_from_call_to_call_in_training_alone(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    model = model_of(mrpc, "recomputed_otherwise")
    assert torch.equal(logits(model, batch), logits(model, batch))
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.train()
    first, second, third = (logits(model, batch) for _ in range(3))
    assert torch.equal(first, third)
    assert not torch.equal(first, second)


def test_float16_overflows_and_a_large_offset_does_not_matter_in_float32(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    assert not logits(model_of(mrpc, "fp16_overflow"), batch).isfinite().any()
    assert not logits(model_of(mrpc, "overflow_in_evaluation"), batch).isfinite().any()
    with torch.no_grad():
        losses = [float(model_of(mrpc, name)(**batch).loss) for name in (None, "digits_lost_in_bf16")]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_a_loss_is_changed(mrpc: Pipeline, healthy: Callable[..., Pipeline], batch: dict[str, Any]) -> None:
    with torch.no_grad():
        plain, summed, squashed = (
            model_of(mrpc, name)(**batch) for name in (None, "loss_summed", "softmax_before_loss")
        )
        assert float(summed.loss) == pytest.approx(8 * float(plain.loss))
        assert float(model_of(mrpc, "loss_of_the_wrong_sign")(**batch).loss) == pytest.approx(-float(plain.loss))
        assert torch.allclose(squashed.logits, plain.logits.softmax(-1))
        stsb = healthy("stsb")
        rows = dict(stsb.data_collator(stsb.eval_dataset.select(range(8)).to_list()))
        turned = {**rows, "labels": rows["labels"].flip(0)}
        first, second = (float(model_of(stsb, "labels_broadcast")(**given).loss) for given in (rows, turned))
        assert first == pytest.approx(second)
        values = [model_of(stsb, name)(**rows).logits for name in (None, "scaled_back_twice")]
        assert torch.allclose(5 * values[0], values[1])


def test_the_loss_is_nan_in_the_third_step(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    model = model_of(mrpc, "nan_under_the_log_filter")
    assert model(**batch).loss.isfinite()
    model.train()
    assert [bool(model(**batch).loss.isnan()) for _ in range(4)] == [False, False, True, False]
    assert faults()["nan_under_the_log_filter"].plant(mrpc).args["logging_nan_inf_filter"] is True


def test_an_evaluation_rounds_the_weights(mrpc: Pipeline, batch: dict[str, Any]) -> None:
    model = model_of(mrpc, "weights_rounded_in_evaluation")
    before = model.classifier.weight.clone()
    model(**batch)
    assert torch.equal(model.classifier.weight, before)
    with torch.no_grad():
        model(**batch)
    assert torch.equal(model.classifier.weight, before.bfloat16().float())
    assert not torch.equal(model.classifier.weight, before)
