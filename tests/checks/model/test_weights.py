"""Checks of weights, gradients and loss before training: quiet on healthy models, red on each planted defect."""

from __future__ import annotations

import functools
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.card_source import CardSource
from pytest_ftcheck.pipeline.own_parts import TrainerOwnParts
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from pytest_ftcheck.training.probe import without_dropout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

CHECKS = ("new_weights", "dtype", "pad_token_id", "gradients", "gradient_checkpointing", "loss_at_start", "loss_rows")
ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline(train_rows=8, eval_rows=32)


@pytest.fixture(scope="module")
def stsb(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("stsb", train_rows=8, eval_rows=32)


class WithLoss(Evidence):
    """Evidence whose loss is somebody's own."""

    own_loss: Callable[[Any, Any], Any] | None = None

    def loss(self, model: Any, batch: Any) -> Any:
        return super().loss(model, batch) if self.own_loss is None else self.own_loss(model, batch)


def evidence_of(pipeline: Pipeline, loss: Callable[[Any, Any], Any] | None = None, **changes: Any) -> Evidence:
    evidence = WithLoss(
        replace(pipeline, **changes),
        engine="trainer",
        seed=0,
        environment=ENVIRONMENT,
        make_run=lambda: pytest.fail("no run is needed"),
        make_probe=lambda **_: pytest.fail("no probe is needed"),
    )
    evidence.own_loss = loss
    return evidence


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


def red(evidence: Evidence) -> set[str]:
    found = set()
    for name in CHECKS:
        try:
            found |= {name} if judge(name, evidence) else set()
        except NotApplicable:
            continue
    return found


def changed(parts: Pipeline, change: Callable[[Any], object]) -> Evidence:
    return evidence_of(parts, model_init=ChangedModel(parts.model_init, change))


def of_a_trainer(parts: Pipeline, **changes: Any) -> Pipeline:
    """The parts as they come out of a user's Trainer, with a loss of its own."""

    class OwnLoss(Trainer):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    template = OwnLoss.__new__(OwnLoss)
    template.model, template.compute_loss_func = parts.model_init(), None
    return replace(parts, source=CardSource(own=TrainerOwnParts(template), loads_model=False), **changes)


@pytest.mark.parametrize("name", CHECKS)
def test_bundled_checkpoint_is_healthy(parts: Pipeline, name: str) -> None:
    assert judge(name, evidence_of(parts)) == []


def test_regression_is_healthy(stsb: Pipeline) -> None:
    assert red(evidence_of(stsb)) == set()


# -- model.new_weights ------------------------------------------------------------------------------------------------


def test_layer_that_is_made_anew_is_found(parts: Pipeline) -> None:
    evidence = changed(parts, lambda model: model.bert.encoder.layer[1].apply(reinitialised))
    (finding,) = judge("new_weights", evidence)
    assert finding.expected == "pretrained weights everywhere below the head"
    assert finding.observed.startswith("random ones in bert.encoder.layer.1.")
    thresholds = {**parts.card.thresholds, "model.new_weights": {"new": 0.5}}
    assert judge("new_weights", evidence_of(evidence.pipeline, card=replace(parts.card, thresholds=thresholds))) == []


def reinitialised(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight)


def from_config(parts: Pipeline, **changes: Any) -> Any:
    return AutoModelForSequenceClassification.from_config(
        AutoConfig.from_pretrained(str(parts.checkpoint.folder), **changes)
    )


def test_weights_that_were_never_loaded_are_found(parts: Pipeline) -> None:
    (finding,) = judge("new_weights", evidence_of(parts, model_init=lambda: from_config(parts)))
    assert finding.observed.endswith("more")
    assert "from_pretrained reports" in finding.hint


def test_weights_that_every_seed_draws_alike_are_compared_with_the_checkpoint(parts: Pipeline) -> None:
    def seeded(model: Any) -> None:
        torch.manual_seed(7)  # as a script does that seeds by itself
        model.bert.encoder.layer[1].apply(reinitialised)

    (finding,) = judge("new_weights", changed(parts, seeded))
    assert finding.observed.startswith("random ones in bert.encoder.layer.1.")
    trained_further = changed(parts, lambda model: model.bert.encoder.apply(moved_a_little))
    assert judge("new_weights", trained_further) == []


def test_weights_that_a_factory_trains_are_not_random(parts: Pipeline) -> None:
    def trained(model: Any) -> None:  # by a seed that the caller has set
        for parameter in model.bert.parameters():
            parameter.data += 0.1 * parameter.abs().mean() * torch.randn_like(parameter)

    assert judge("new_weights", changed(parts, trained)) == []


def moved_a_little(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        torch.manual_seed(7)
        module.weight.data += 0.3 * module.weight.std() * torch.randn_like(module.weight)


def test_training_from_scratch_is_not_judged(parts: Pipeline) -> None:
    nowhere = replace(parts.checkpoint, folder=None)
    evidence = evidence_of(parts, checkpoint=nowhere, model_init=lambda: from_config(parts))
    with pytest.raises(NotApplicable, match="it is trained from scratch"):
        judge("new_weights", evidence)


def test_layers_that_are_left_over_are_found(parts: Pipeline) -> None:
    def shallow() -> Any:
        with quiet_libraries():
            return AutoModelForSequenceClassification.from_pretrained(str(parts.checkpoint.folder), num_hidden_layers=1)

    (finding,) = judge("new_weights", evidence_of(parts, model_init=shallow))
    assert finding.expected == "a place in the model for every weight of the checkpoint"
    assert finding.observed.startswith("none for encoder.layer.1.")


def test_heads_of_the_checkpoint_are_no_surprise(parts: Pipeline, tmp_path: Path) -> None:
    assert parts.checkpoint.folder is not None
    tensors = load_file(parts.checkpoint.folder / "model.safetensors")
    older = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in tensors.items()}
    surplus = {"cls.predictions.bias": torch.zeros(374), "embeddings.position_ids": torch.arange(128)}
    save_file({**older, **surplus}, tmp_path / "model.safetensors")
    assert judge("new_weights", evidence_of(parts, checkpoint=replace(parts.checkpoint, folder=tmp_path))) == []


def add_adapters(model: Any) -> None:
    """Freeze everything, and put a low rank adapter into each query."""
    model.bert.requires_grad_(requires_grad=False)
    for layer in model.bert.encoder.layer:
        layer.attention.self.query = LowRank(layer.attention.self.query)


class LowRank(nn.Module):
    def __init__(self, inner: nn.Linear) -> None:
        super().__init__()
        self.inner, self.down = inner, nn.Linear(inner.in_features, 4, bias=False)
        self.up = nn.Linear(4, inner.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, states: Any) -> Any:
        return self.inner(states) + self.up(self.down(states))


def read_the_first_token(model: Any) -> None:
    """Leave the pooler to run for nothing, beside frozen embeddings."""
    model.bert.embeddings.requires_grad_(requires_grad=False)
    model.bert.register_forward_hook(
        lambda _, __, output: type(output)(output.last_hidden_state, output.last_hidden_state[:, 0])
    )


HEALTHY: dict[str, Callable[[Any], object]] = {
    "pooler unused": read_the_first_token,
    "adapters": add_adapters,
    "frozen embeddings": lambda model: model.bert.embeddings.requires_grad_(requires_grad=False),
    "frozen lower layers": lambda model: model.bert.encoder.layer[0].requires_grad_(requires_grad=False),
    "more tokens": lambda model: model.resize_token_embeddings(380),
    "head of zeros": lambda model: nn.init.zeros_(model.classifier.weight),
    "no dropout": without_dropout,
}


@pytest.mark.parametrize("change", HEALTHY.values(), ids=HEALTHY.keys())
def test_ways_to_fine_tune_are_healthy(parts: Pipeline, change: Callable[[Any], object]) -> None:
    with quiet_libraries():
        assert red(changed(parts, change)) == set()


# -- model.dtype, model.pad_token_id ----------------------------------------------------------------------------------


def test_weights_in_another_dtype_are_found(parts: Pipeline) -> None:
    (finding,) = judge("dtype", changed(parts, lambda model: model.bert.encoder.layer[0].bfloat16()))
    assert finding.expected == "weights in torch.float32"
    assert finding.observed.startswith("torch.bfloat16 in 16 of 41: bert.encoder.layer.0.")


def test_dtype_of_a_trainer_is_its_users(parts: Pipeline) -> None:
    trainer = of_a_trainer(parts)
    assert judge("dtype", changed(trainer, lambda model: model.bert.bfloat16())) == []
    (finding,) = judge("dtype", changed(trainer, lambda model: model.half()))
    assert finding.expected == "no trained weights in torch.float16"


def test_pad_id_of_another_tokenizer_is_found(parts: Pipeline) -> None:
    (finding,) = judge("pad_token_id", changed(parts, lambda model: setattr(model.config, "pad_token_id", 1)))
    assert (finding.expected, finding.observed) == ("model.config.pad_token_id = 0, as the tokenizer has it", "1")
    collator: Any = SimpleNamespace(tokenizer=SimpleNamespace(pad_token_id=3))
    (finding,) = judge("pad_token_id", evidence_of(parts, data_collator=collator))
    assert finding.expected == "data_collator.tokenizer.pad_token_id = 0, as the tokenizer has it"


def test_pad_id_without_a_tokenizer_is_not_judged(parts: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="no tokenizer"):
        judge("pad_token_id", evidence_of(parts, processing_class=None))


# -- model.gradients --------------------------------------------------------------------------------------------------


def test_frozen_backbone_is_found_and_can_be_meant(parts: Pipeline) -> None:
    evidence = changed(parts, lambda model: model.bert.requires_grad_(requires_grad=False))
    (finding,) = judge("gradients", evidence)
    assert finding.expected == "a backbone that is trained, in parts at least, or adapters in it"
    assert "frozen_backbone = 1" in finding.hint
    thresholds = {**parts.card.thresholds, "model.gradients": {"frozen_backbone": 1.0}}
    assert judge("gradients", evidence_of(evidence.pipeline, card=replace(parts.card, thresholds=thresholds))) == []


@pytest.mark.parametrize(("rate", "level"), [(2e-5, "fail"), (1e-3, "warn")])
def test_frozen_backbone_of_a_user_warns_at_the_rate_of_a_head(parts: Pipeline, rate: float, level: str) -> None:
    evidence = changed(parts, lambda model: model.bert.requires_grad_(requires_grad=False))
    source = CardSource(loads_model=False)
    (finding,) = judge("gradients", evidence_of(evidence.pipeline, source=source, args={"learning_rate": rate}))
    assert finding.level == level


def test_nothing_to_train_is_found(parts: Pipeline) -> None:
    (finding,) = judge("gradients", changed(parts, lambda model: model.requires_grad_(requires_grad=False)))
    assert finding.observed == "requires_grad is False for all of them"


def test_new_head_that_is_frozen_is_found(parts: Pipeline) -> None:
    (finding,) = judge("gradients", changed(parts, lambda model: model.classifier.requires_grad_(requires_grad=False)))
    assert finding.expected == "a new head that is trained"
    assert "classifier.weight" in finding.observed


def test_attribute_that_freezes_nothing_is_found(parts: Pipeline) -> None:
    def on_the_module(model: Any) -> None:
        model.bert.requires_grad = False

    def misspelt(model: Any) -> None:
        for parameter in model.bert.parameters():
            parameter.require_grad = False

    (finding,) = judge("gradients", changed(parts, on_the_module))
    assert finding.observed == "an attribute that freezes nothing: bert.requires_grad"
    (finding,) = judge("gradients", changed(parts, misspelt))
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
def test_part_that_is_cut_off_is_found(parts: Pipeline, change: Callable[[Any], None]) -> None:
    (finding,) = judge("gradients", changed(parts, change))
    assert finding.expected == "a gradient for all that is trained"
    assert finding.observed.startswith("none for bert.embeddings.word_embeddings.weight, ")
    assert "detach()" in finding.hint


def test_loss_apart_from_the_model_is_found(parts: Pipeline) -> None:
    evidence = evidence_of(parts, lambda model, batch: model(**batch).loss.detach())
    (finding,) = judge("gradients", evidence)
    assert finding.observed.startswith("none for bert.embeddings.")
    assert finding.observed.endswith("95% of the values that are trained")


def test_head_without_influence_is_found(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        model.classifier.register_forward_hook(lambda _, __, output: output * 0)

    (finding,) = judge("gradients", changed(parts, change))
    assert "their gradient is 0" in finding.hint


def test_model_that_is_judged_as_it_is_needs_no_gradients(parts: Pipeline) -> None:
    for name in ("gradients", "gradient_checkpointing", "loss_at_start", "loss_rows"):
        with pytest.raises(NotApplicable, match="nothing was trained"):
            judge(name, evidence_of(parts, trains=False))


# -- model.gradient_checkpointing -------------------------------------------------------------------------------------


def test_reentrant_checkpointing_above_frozen_embeddings_is_found(parts: Pipeline) -> None:
    reentrant = replace(parts, args={**parts.args, "gradient_checkpointing_kwargs": {"use_reentrant": True}})
    assert judge("gradient_checkpointing", evidence_of(reentrant)) == []

    def change(model: Any) -> None:
        model.bert.embeddings.requires_grad_(requires_grad=False)
        model.enable_input_require_grads = lambda: None

    (finding,) = judge("gradient_checkpointing", changed(reentrant, change))
    assert finding.observed == "none, with {'use_reentrant': True}"
    assert "use_reentrant" in finding.hint


def test_layer_that_changes_when_it_is_recomputed_is_found(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        layer = model.bert.encoder.layer[1].output.dense
        calls = iter(range(100))
        layer.register_forward_hook(lambda _, __, output: output * (1 + next(calls) % 2))

    (finding,) = judge("gradient_checkpointing", changed(parts, change))
    assert finding.expected.startswith("gradients as without, to 0.0001 of the largest, ")


def test_model_without_checkpointing_is_not_judged(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        model.supports_gradient_checkpointing = False

    with pytest.raises(NotApplicable, match="BertForSequenceClassification has no gradient checkpointing"):
        judge("gradient_checkpointing", changed(parts, change))


# -- model.loss_at_start, model.loss_rows -----------------------------------------------------------------------------


def scaled(factor: float) -> Callable[[Any, Any], Any]:
    return lambda model, batch: model(**batch).loss * factor


def weighted(model: Any, batch: Any) -> Any:
    logits = model(**{key: value for key, value in batch.items() if key != "labels"}).logits
    return nn.functional.cross_entropy(logits, batch["labels"], torch.tensor([0.2, 1.8]), label_smoothing=0.1)


def focal(model: Any, batch: Any) -> Any:
    logits = model(**{key: value for key, value in batch.items() if key != "labels"}).logits
    losses = nn.functional.cross_entropy(logits, batch["labels"], reduction="none")
    return ((1 - (-losses).exp()) ** 2 * losses).mean()


@pytest.mark.parametrize("loss", [weighted, focal, scaled(16.0)], ids=["class weights", "focal", "sum over a batch"])
def test_loss_of_a_users_own_is_healthy(parts: Pipeline, loss: Callable[[Any, Any], Any]) -> None:
    evidence = evidence_of(of_a_trainer(parts), loss)
    assert judge("loss_at_start", evidence) == []
    assert judge("loss_rows", evidence) == []


@pytest.mark.parametrize(
    "criterion", [nn.L1Loss(), nn.SmoothL1Loss(), nn.MSELoss()], ids=["absolute", "Huber", "squared"]
)
def test_regression_loss_of_a_users_own_is_healthy(stsb: Pipeline, criterion: Any) -> None:
    def loss(model: Any, batch: Any) -> Any:
        labels = batch.pop("labels")
        return criterion(model(**batch).logits.squeeze(-1), labels)

    evidence = evidence_of(of_a_trainer(stsb), loss)
    assert judge("loss_at_start", evidence) == []
    assert judge("loss_rows", evidence) == []


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("criterion", [nn.L1Loss(), nn.MSELoss()], ids=["absolute", "squared"])
def test_labels_against_a_column_are_found(stsb: Pipeline, criterion: Any) -> None:
    def loss(model: Any, batch: Any) -> Any:
        labels = batch.pop("labels")
        return criterion(model(**batch).logits, labels)  # [B, 1] and [B] give [B, B]

    (finding,) = judge("loss_rows", evidence_of(of_a_trainer(stsb), loss))
    assert finding.expected.startswith("another loss for the labels moved by ")
    assert "both times, over 32 rows" in finding.observed
    assert "logits.squeeze(-1)" in finding.hint


def test_labels_that_make_no_difference_are_found(parts: Pipeline) -> None:
    def loss(model: Any, batch: Any) -> Any:
        return model(**{**batch, "labels": batch["labels"].sort().values}).loss

    assert judge("loss_rows", evidence_of(of_a_trainer(parts), loss))


def test_labels_of_one_class_cannot_be_told_apart(parts: Pipeline) -> None:
    rows = parts.eval_dataset.map(lambda _: {"labels": 1})
    with pytest.raises(NotApplicable, match="the order cannot matter"):
        judge("loss_rows", evidence_of(parts, eval_dataset=rows))


LOSSES: dict[str, tuple[Callable[[Any, Any], Any], str, str]] = {
    "a value a row": (lambda model, batch: model(**batch).logits[:, 0], "one number", "a tensor of shape (32,)"),
    "NaN": (scaled(float("nan")), "a finite loss before the first step", "nan"),
    "a sum": (scaled(32.0), "the mean cross entropy of the logits, 0.", "2"),
    "divided twice": (scaled(0.25), "the mean cross entropy of the logits, 0.", "0.1"),
}


@pytest.mark.parametrize(("loss", "expected", "observed"), LOSSES.values(), ids=LOSSES.keys())
def test_loss_that_is_not_the_mean_is_found(
    parts: Pipeline, loss: Callable[[Any, Any], Any], expected: str, observed: str
) -> None:
    (finding,) = judge("loss_at_start", evidence_of(parts, loss))
    assert finding.expected.startswith(expected)
    assert finding.observed.startswith(observed)


@pytest.mark.parametrize("of", ["softmax", "log_softmax"])
def test_negative_log_likelihood_without_a_logarithm_is_named(parts: Pipeline, of: str) -> None:
    def loss(model: Any, batch: Any) -> Any:
        labels = batch.pop("labels")
        return nn.functional.nll_loss(getattr(torch, of)(model(**batch).logits, dim=-1), labels)

    found = judge("loss_at_start", evidence_of(of_a_trainer(parts), loss))
    told = ["it is nll_loss of probabilities (softmax), which takes their logarithms (log_softmax)"]
    assert [finding.observed.partition(": ")[2] for finding in found] == (told if of == "softmax" else [])


def test_loss_far_from_any_loss_is_found_even_where_it_is_a_users_own(parts: Pipeline) -> None:
    (finding,) = judge("loss_at_start", evidence_of(of_a_trainer(parts), scaled(1e4)))
    assert finding.expected.startswith("within a factor of 100 of the mean cross entropy, ")


def sides(parts: Pipeline) -> torch.Tensor:
    """Return -1 or 1 for each evaluated row, as its label says."""
    return torch.tensor(parts.eval_dataset["labels"][:]) * 2.0 - 1


def test_features_that_tell_the_classes_apart_are_no_leak(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        # The draw of the head that happens to look along the features: it starts at a loss near 0.
        along = model.classifier.weight[1] - model.classifier.weight[0]
        features = (sides(parts)[:, None] * along / along.norm() * 20).detach()
        model.classifier.register_forward_pre_hook(lambda _, __: (features,))

    evidence = changed(parts, change)
    batch = evidence.collate([parts.eval_dataset[row] for row in range(32)])
    assert float(evidence.loss(evidence.fresh_model, batch).detach()) < 0.3
    assert judge("loss_at_start", evidence) == []


def test_labels_among_the_inputs_are_found_whatever_the_head(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        leak = nn.functional.one_hot((sides(parts) > 0).long(), 2) * 4.0
        model.classifier.register_forward_hook(lambda _, __, logits: logits + leak)

    (finding,) = judge("loss_at_start", changed(parts, change))
    assert "; over 16 other draws of the new head, 0.0" in finding.observed
    assert "look for labels among the inputs" in finding.hint


def test_head_that_starts_too_large_is_found(parts: Pipeline) -> None:
    evidence = changed(parts, lambda model: model.classifier.weight.data.mul_(200))
    (finding,) = judge("loss_at_start", evidence)
    assert finding.expected.endswith("a guess among 2 classes costs ln 2 = 0.693")


def test_labels_that_leak_are_found(parts: Pipeline) -> None:
    def leaking(model: Any) -> None:
        original = model.forward

        @functools.wraps(original)
        def forward(*args: Any, **inputs: Any) -> Any:
            output = original(*args, **inputs)
            output.logits = output.logits + 9 * nn.functional.one_hot(known, 2)[: len(output.logits)]
            output.loss = nn.functional.cross_entropy(output.logits, known) if "labels" in inputs else None
            return output

        model.forward = forward

    known = torch.tensor(parts.eval_dataset["labels"])
    (finding,) = judge("loss_at_start", changed(parts, leaking))
    assert "look for labels among the inputs" in finding.hint


def test_head_that_was_trained_before_may_know_the_labels(parts: Pipeline) -> None:
    model: Any = parts.model_init()
    nn.init.zeros_(model.classifier.weight)
    model.classifier.bias.data[1] = 9.0
    rows = parts.eval_dataset.map(lambda _: {"labels": 1})
    assert judge("loss_at_start", evidence_of(parts, model_init=lambda: model, eval_dataset=rows)) == []


def test_weights_that_are_not_finite_are_named(parts: Pipeline) -> None:
    evidence = changed(parts, lambda model: model.classifier.weight.data.fill_(float("nan")))
    (finding,) = judge("loss_at_start", evidence)
    assert finding.hint == "the weights themselves are not finite: classifier.weight."


def test_loss_in_other_units_than_the_labels_is_healthy(stsb: Pipeline) -> None:
    def loss(model: Any, batch: Any) -> Any:
        labels = batch.pop("labels")
        return nn.functional.mse_loss(model(**batch).logits.squeeze(-1) / 1e4, labels / 1e4)

    assert judge("loss_rows", evidence_of(of_a_trainer(stsb), loss)) == []


def test_one_logit_for_two_classes_may_have_whole_numbers_for_labels(stsb: Pipeline) -> None:
    def whole(batch: Any) -> Any:
        return {**batch, "labels": (batch["labels"] > 2.5).long()}

    def squared(model: Any, batch: Any) -> Any:
        logits = model(**{name: value for name, value in batch.items() if name != "labels"}).logits[:, 0]
        return nn.functional.mse_loss(logits, batch["labels"].float())

    evidence = evidence_of(stsb, squared, data_collator=lambda features: whole(stsb.data_collator(features)))
    assert judge("loss_at_start", evidence) == []


def test_targets_that_no_head_reaches_are_found(stsb: Pipeline) -> None:
    def scaled_labels(factor: float) -> Evidence:
        def collate(features: Any) -> Any:
            batch = stsb.data_collator(features)
            return {**batch, "labels": factor * batch["labels"]}

        return evidence_of(stsb, data_collator=collate)

    assert judge("loss_at_start", scaled_labels(10.0)) == []
    (finding,) = judge("loss_at_start", scaled_labels(1e5))
    assert finding.expected.startswith("targets within 1000 times what the untrained model answers, ")
    assert finding.observed.endswith(": not scaled")
