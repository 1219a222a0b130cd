"""The loss before the first step: quiet on healthy models, red on each planted defect."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from tests.checks.model.conftest import ModelParts


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


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
def test_loss_of_a_users_own_is_healthy(mrpc: ModelParts, loss: Callable[[Any, Any], Any]) -> None:
    evidence = mrpc.of_a_trainer().evidence(loss)
    assert judge("loss_at_start", evidence) == []
    assert judge("loss_rows", evidence) == []


@pytest.mark.parametrize(
    "criterion", [nn.L1Loss(), nn.SmoothL1Loss(), nn.MSELoss()], ids=["absolute", "Huber", "squared"]
)
def test_regression_loss_of_a_users_own_is_healthy(stsb: ModelParts, criterion: Any) -> None:
    def loss(model: Any, batch: Any) -> Any:
        labels = batch.pop("labels")
        return criterion(model(**batch).logits.squeeze(-1), labels)

    evidence = stsb.of_a_trainer().evidence(loss)
    assert judge("loss_at_start", evidence) == []
    assert judge("loss_rows", evidence) == []


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("criterion", [nn.L1Loss(), nn.MSELoss()], ids=["absolute", "squared"])
def test_labels_against_a_column_are_found(stsb: ModelParts, criterion: Any) -> None:
    def loss(model: Any, batch: Any) -> Any:
        labels = batch.pop("labels")
        return criterion(model(**batch).logits, labels)  # [B, 1] and [B] give [B, B]

    (finding,) = judge("loss_rows", stsb.of_a_trainer().evidence(loss))
    assert finding.expected.startswith("another loss for the labels moved by ")
    assert "both times, over 32 rows" in finding.observed
    assert "logits.squeeze(-1)" in finding.hint


def test_labels_that_make_no_difference_are_found(mrpc: ModelParts) -> None:
    def loss(model: Any, batch: Any) -> Any:
        return model(**{**batch, "labels": batch["labels"].sort().values}).loss

    assert judge("loss_rows", mrpc.of_a_trainer().evidence(loss))


def test_model_that_is_judged_as_it_is_needs_no_loss_to_train_by(mrpc: ModelParts) -> None:
    for name in ("loss_at_start", "loss_rows"):
        with pytest.raises(NotApplicable, match="nothing was trained"):
            judge(name, mrpc.evidence(trains=False))


def test_labels_of_one_class_cannot_be_told_apart(mrpc: ModelParts) -> None:
    rows = mrpc.pipeline.eval_dataset.map(lambda _: {"labels": 1})
    with pytest.raises(NotApplicable, match="the order cannot matter"):
        judge("loss_rows", mrpc.evidence(eval_dataset=rows))


LOSSES: dict[str, tuple[Callable[[Any, Any], Any], str, str]] = {
    "a value a row": (lambda model, batch: model(**batch).logits[:, 0], "one number", "a tensor of shape (32,)"),
    "NaN": (scaled(float("nan")), "a finite loss before the first step", "nan"),
    "a sum": (scaled(32.0), "the mean cross entropy of the logits, 0.", "2"),
    "divided twice": (scaled(0.25), "the mean cross entropy of the logits, 0.", "0.1"),
}


@pytest.mark.parametrize(("loss", "expected", "observed"), LOSSES.values(), ids=LOSSES.keys())
def test_loss_that_is_not_the_mean_is_found(
    mrpc: ModelParts, loss: Callable[[Any, Any], Any], expected: str, observed: str
) -> None:
    (finding,) = judge("loss_at_start", mrpc.evidence(loss))
    assert finding.expected.startswith(expected)
    assert finding.observed.startswith(observed)


@pytest.mark.parametrize("of", ["softmax", "log_softmax"])
def test_negative_log_likelihood_without_a_logarithm_is_named(mrpc: ModelParts, of: str) -> None:
    def loss(model: Any, batch: Any) -> Any:
        labels = batch.pop("labels")
        return nn.functional.nll_loss(getattr(torch, of)(model(**batch).logits, dim=-1), labels)

    found = judge("loss_at_start", mrpc.of_a_trainer().evidence(loss))
    told = ["it is nll_loss of probabilities (softmax), which takes their logarithms (log_softmax)"]
    assert [finding.observed.partition(": ")[2] for finding in found] == (told if of == "softmax" else [])


def test_loss_far_from_any_loss_is_found_even_where_it_is_a_users_own(mrpc: ModelParts) -> None:
    (finding,) = judge("loss_at_start", mrpc.of_a_trainer().evidence(scaled(1e4)))
    assert finding.expected.startswith("within a factor of 100 of the mean cross entropy, ")


def sides(mrpc: ModelParts) -> torch.Tensor:
    """Return -1 or 1 for each evaluated row, as its label says."""
    return torch.tensor(mrpc.pipeline.eval_dataset["labels"][:]) * 2.0 - 1


def test_features_that_tell_the_classes_apart_are_no_leak(mrpc: ModelParts) -> None:
    def change(model: Any) -> None:
        # The draw of the head that happens to look along the features: it starts at a loss near 0.
        along = model.classifier.weight[1] - model.classifier.weight[0]
        features = (sides(mrpc)[:, None] * along / along.norm() * 20).detach()
        model.classifier.register_forward_pre_hook(lambda _, __: (features,))

    evidence = mrpc.changed(change)
    batch = evidence.collate([mrpc.pipeline.eval_dataset[row] for row in range(32)])
    assert float(evidence.loss(evidence.fresh_model, batch).detach()) < 0.3
    assert judge("loss_at_start", evidence) == []


def test_labels_among_the_inputs_are_found_whatever_the_head(mrpc: ModelParts) -> None:
    def change(model: Any) -> None:
        leak = nn.functional.one_hot((sides(mrpc) > 0).long(), 2) * 4.0
        model.classifier.register_forward_hook(lambda _, __, logits: logits + leak)

    (finding,) = judge("loss_at_start", mrpc.changed(change))
    assert "; over 16 other draws of the new head, 0.0" in finding.observed
    assert "look for labels among the inputs" in finding.hint


def test_head_that_starts_too_large_is_found(mrpc: ModelParts) -> None:
    evidence = mrpc.changed(lambda model: model.classifier.weight.data.mul_(200))
    (finding,) = judge("loss_at_start", evidence)
    assert finding.expected.endswith("the loss of a guess among 2 classes is ln 2 = 0.693")


def test_labels_that_leak_are_found(mrpc: ModelParts) -> None:
    def leaking(model: Any) -> None:
        original = model.forward

        @functools.wraps(original)
        def forward(*args: Any, **inputs: Any) -> Any:
            output = original(*args, **inputs)
            output.logits = output.logits + 9 * nn.functional.one_hot(known, 2)[: len(output.logits)]
            output.loss = nn.functional.cross_entropy(output.logits, known) if "labels" in inputs else None
            return output

        model.forward = forward

    known = torch.tensor(mrpc.pipeline.eval_dataset["labels"])
    (finding,) = judge("loss_at_start", mrpc.changed(leaking))
    assert "look for labels among the inputs" in finding.hint


def test_head_that_was_trained_before_may_know_the_labels(mrpc: ModelParts) -> None:
    model: Any = mrpc.pipeline.model_init()
    nn.init.zeros_(model.classifier.weight)
    model.classifier.bias.data[1] = 9.0
    rows = mrpc.pipeline.eval_dataset.map(lambda _: {"labels": 1})
    assert judge("loss_at_start", mrpc.evidence(model_init=lambda: model, eval_dataset=rows)) == []


def test_weights_that_are_not_finite_are_named(mrpc: ModelParts) -> None:
    evidence = mrpc.changed(lambda model: model.classifier.weight.data.fill_(float("nan")))
    (finding,) = judge("loss_at_start", evidence)
    assert finding.hint == "the weights themselves are not finite: classifier.weight."


def test_loss_in_other_units_than_the_labels_is_healthy(stsb: ModelParts) -> None:
    def loss(model: Any, batch: Any) -> Any:
        labels = batch.pop("labels")
        return nn.functional.mse_loss(model(**batch).logits.squeeze(-1) / 1e4, labels / 1e4)

    assert judge("loss_rows", stsb.of_a_trainer().evidence(loss)) == []


def test_one_logit_for_two_classes_may_have_whole_numbers_for_labels(stsb: ModelParts) -> None:
    def whole(batch: Any) -> Any:
        return {**batch, "labels": (batch["labels"] > 2.5).long()}

    def squared(model: Any, batch: Any) -> Any:
        logits = model(**{name: value for name, value in batch.items() if name != "labels"}).logits[:, 0]
        return nn.functional.mse_loss(logits, batch["labels"].float())

    evidence = stsb.evidence(squared, data_collator=lambda features: whole(stsb.pipeline.data_collator(features)))
    assert judge("loss_at_start", evidence) == []


def test_targets_that_no_head_reaches_are_found(stsb: ModelParts) -> None:
    def scaled_labels(factor: float) -> Evidence:
        def collate(features: Any) -> Any:
            batch = stsb.pipeline.data_collator(features)
            return {**batch, "labels": factor * batch["labels"]}

        return stsb.evidence(data_collator=collate)

    assert judge("loss_at_start", scaled_labels(10.0)) == []
    (finding,) = judge("loss_at_start", scaled_labels(1e5))
    assert finding.expected.startswith("targets within 1000 times the values of the untrained model, ")
    assert finding.observed.endswith(": not scaled")
