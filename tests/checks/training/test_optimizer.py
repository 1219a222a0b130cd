"""Parameters, their groups and their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]
    Traced = Callable[..., Evidence]


def observed(judged: Judged, check: str, evidence: Evidence, **thresholds: float) -> list[str]:
    return [entry.observed for entry in judged(f"training.{check}", evidence, **thresholds)]


# -- parameters_move --------------------------------------------------------------------------------------------------


def test_trained_parameter_that_stays_is_found(judged: Judged, traced: Traced, kit: Any) -> None:
    evidence = traced(parameters=(kit.parameter("head"), kit.parameter("body", moved=0.0)))
    assert observed(judged, "parameters_move", evidence) == [
        "1 of 2 have a gradient and did not move at all: body",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"gradient": 0.0},  # a pooler that is not used
        {"gradient": 1e-8},  # a bias of attention keys
        {"trainable": False, "gradient": 0.0},
    ],
)
def test_parameter_without_a_reason_to_move_may_stay(
    judged: Judged, traced: Traced, kit: Any, changes: dict[str, Any]
) -> None:
    evidence = traced(parameters=(kit.parameter(), kit.parameter("other", moved=0.0, **changes)))
    assert observed(judged, "parameters_move", evidence) == []


def test_two_matrices_between_zeros_are_found(judged: Judged, traced: Traced, kit: Any) -> None:
    zeros = {"scale": 0.0, "moved": 0.0, "gradient": 0.0}
    names = ("query.lora_A.default.weight", "query.lora_B.default.weight")
    evidence = traced(parameters=(kit.parameter(), *(kit.parameter(name, **zeros) for name in names)))
    (found,) = observed(judged, "parameters_move", evidence)
    assert found == f"2 start at zero, have a gradient of zero at each step, and stay: {names[0]}, {names[1]}"
    half = (kit.parameter(names[0], moved=0.0, gradient=0.0), kit.parameter(names[1], **zeros))
    assert observed(judged, "parameters_move", traced(parameters=(kit.parameter(), *half))) == []


def test_frozen_parameter_that_changes_is_found(judged: Judged, traced: Traced, kit: Any) -> None:
    evidence = traced(parameters=(kit.parameter(), kit.parameter("frozen", trainable=False)))
    (found,) = judged("training.parameters_move", evidence)
    assert found.observed == "1 frozen ones changed: frozen"
    assert "an update by hand" in found.hint


def test_few_tensors_may_stay_in_half_precision(judged: Judged, traced: Traced, kit: Any) -> None:
    evidence = traced(parameters=(kit.parameter("matrix"), kit.parameter("norm", size=10, moved=0.0)))
    assert observed(judged, "parameters_move", evidence)
    evidence.environment = {**evidence.environment, "dtype": "bfloat16"}
    assert observed(judged, "parameters_move", evidence) == []
    all_but_the_norm = (kit.parameter("matrix", moved=0.0), kit.parameter("norm", size=10))
    evidence = traced(parameters=all_but_the_norm)
    evidence.environment = {**evidence.environment, "dtype": "bfloat16"}
    assert observed(judged, "parameters_move", evidence)


# -- groups -----------------------------------------------------------------------------------------------------------


def test_parameter_in_no_group_or_in_several_is_found(judged: Judged, traced: Traced, kit: Any) -> None:
    evidence = traced(
        parameters=(
            kit.parameter("in one"),
            kit.parameter("in none", size=300, groups=()),
            kit.parameter("in two", groups=(0, 1)),
            kit.parameter("not used", groups=(), gradient=0.0),
            kit.parameter("frozen", groups=(), trainable=False),
        )
    )
    assert observed(judged, "optimizer_groups", evidence) == [
        "1 of 4 are in none (50% of the values): in none",
        "1 are in several: in two",
    ]


def test_half_of_the_parameters_are_missed(judged: Judged, toy: Toy) -> None:
    def half(model: Any) -> Any:
        named = [parameter for name, parameter in model.named_parameters() if "layer.1" not in name]
        return torch.optim.AdamW(named, lr=3e-3), None

    pipeline = toy(optimizers=half, num_train_epochs=1)
    (found,) = judged("training.optimizer_groups", pipeline)
    assert found.observed.startswith("16 of 41 are in none (27% of the values): bert.encoder.layer.1.attention")


def test_layer_that_is_unfrozen_later_is_no_finding(judged: Judged, toy: Toy, evidence_of: Any) -> None:
    from transformers import TrainerCallback

    class Unfreezes(TrainerCallback):
        def on_train_begin(self, *_: Any, **kwargs: Any) -> None:
            kwargs["model"].bert.encoder.layer[0].requires_grad_(requires_grad=False)

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control
            kwargs["model"].bert.encoder.layer[0].requires_grad_(requires_grad=state.epoch >= 1)

    evidence = evidence_of(toy(parts={"callbacks": [Unfreezes()]}, num_train_epochs=2))
    for check in ("optimizer_groups", "parameters_move", "gradients_reach"):
        assert observed(judged, check, evidence) == []


# -- weight decay -----------------------------------------------------------------------------------------------------


def weights(kit: Any, **decays: float) -> tuple[Any, ...]:
    return tuple(
        kit.parameter(name, weight_decay=decay, normalisation_or_bias=not name.startswith("matrix"))
        for name, decay in decays.items()
    )


def own_optimizer(model: Any) -> Any:
    return torch.optim.AdamW(model.parameters(), lr=3e-3), None


def test_no_decay_at_all_is_not_judged(judged: Judged, traced: Traced, kit: Any) -> None:
    with pytest.raises(NotApplicable, match="no weight decay"):
        judged("training.weight_decay", traced(parameters=weights(kit, matrix=0.0, bias=0.0)))


def test_decay_of_biases_is_found(judged: Judged, traced: Traced, kit: Any) -> None:
    wrong = traced(parameters=weights(kit, matrix=0.01, bias=0.01, norm=0.01))
    assert observed(judged, "weight_decay", wrong) == [
        "2 biases and normalisation weights are decayed by up to 0.01: bias, norm"
    ]
    assert observed(judged, "weight_decay", traced(parameters=weights(kit, matrix=0.01, bias=0.0))) == []


@pytest.mark.parametrize(
    ("decays", "found"),
    [
        ({"matrix": 0.01, "bias": 0.01, "norm": 0.01}, False),  # AdamW's default: nobody chose it
        ({"matrix": 0.1, "bias": 0.1, "norm": 0.1}, True),
        ({"matrix": 0.01, "bias": 0.0, "norm": 0.01}, True),  # a list of names that misses some
        ({"matrix": 0.1, "bias": 0.0, "norm": 0.0}, False),
    ],
)
def test_own_optimizer_may_decay_all_alike_by_the_default(
    judged: Judged, toy: Toy, traced: Traced, kit: Any, decays: dict[str, float], *, found: bool
) -> None:
    evidence = traced(toy(optimizers=own_optimizer), parameters=weights(kit, **decays))
    assert bool(observed(judged, "weight_decay", evidence)) is found


def test_names_of_another_model_in_the_list_are_found(judged: Judged, toy: Toy) -> None:
    def groups(model: Any) -> Any:
        without = ("bias", "layer_norm.weight")  # DistilBERT's names in a BERT
        named: dict[str, torch.nn.Parameter] = dict(model.named_parameters())
        decayed = [parameter for name, parameter in named.items() if not name.endswith(without)]
        others = [parameter for name, parameter in named.items() if name.endswith(without)]
        both: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
        return torch.optim.AdamW(both, lr=3e-3), None

    (found,) = judged("training.weight_decay", toy(optimizers=groups, num_train_epochs=1))
    assert found.observed.startswith(
        "5 biases and normalisation weights are decayed by up to 0.01: bert.embeddings.LayerN"
    )


def test_normalisations_that_the_trainer_itself_decays_are_its_own_business(judged: Judged, toy: Toy, kit: Any) -> None:
    def with_batch_norm() -> Any:
        model = kit.small_bert()
        model.classifier = torch.nn.Sequential(torch.nn.BatchNorm1d(32), torch.nn.Linear(32, 2))
        return model

    assert judged("training.weight_decay", toy(model=with_batch_norm, num_train_epochs=1)) == []


# -- gradients --------------------------------------------------------------------------------------------------------


def test_gradient_that_is_not_finite_is_found_at_its_step(judged: Judged, traced: Traced) -> None:
    norms = (1.0, 1.0, float("nan"), *[1.0] * 29)
    assert observed(judged, "gradients_reach", traced(gradient_norms=norms)) == [
        "a norm of nan at optimizer step 3 of 32"
    ]


@pytest.mark.parametrize(
    ("norms", "said"),
    [
        ((1e-9,) * 32, ["at most 1e-09 in 32 optimizer steps"]),
        ((0.0,) * 20 + (1.0,) * 12, ["all are 0 at 20 of 32 steps"]),
        ((0.0,) * 3 + (1.0,) * 29, []),
        ((1e-4,) * 32, []),
    ],
)
def test_gradients_of_nothing_are_found(
    judged: Judged, traced: Traced, norms: tuple[float, ...], said: list[str]
) -> None:
    assert observed(judged, "gradients_reach", traced(gradient_norms=norms)) == said


def test_model_that_is_cut_in_two_is_found(judged: Judged, traced: Traced, kit: Any) -> None:
    parameters = (kit.parameter("body", size=900, gradient=0.0), kit.parameter("head"))
    assert observed(judged, "gradients_reach", traced(parameters=parameters)) == [
        "90% of the trained values never had one: body"
    ]
    assert observed(judged, "gradients_reach", traced(parameters=parameters), without=0.95) == []


@pytest.mark.parametrize("defect", ["clipped", "detached", "no backward"])
def test_gradients_lost_on_the_way_are_found(judged: Judged, toy: Toy, kit: Any, defect: str) -> None:
    class WithoutBackward(Trainer):
        def training_step(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            return self.compute_loss(model.train(), self._prepare_inputs(inputs)).detach()  # type: ignore[union-attr]  # a loss without outputs

    detached = kit.trainer_with(lambda logits, _: logits.std().detach().requires_grad_())
    kind = {"clipped": Trainer, "detached": detached, "no backward": WithoutBackward}[defect]
    clip = {"max_grad_norm": 1e-12} if defect == "clipped" else {}
    (found,) = judged("training.gradients_reach", toy(kind, num_train_epochs=1, **clip))
    assert found.observed.startswith("at most ")


def test_gradients_of_the_step_before_are_found(judged: Judged, toy: Toy) -> None:
    def keep(model: Any) -> None:
        model.zero_grad = lambda *_, **__: None

    (found,) = judged("training.gradients_cleared", toy(change=keep, num_train_epochs=1))
    assert found.observed == "those of the step before at optimizer step 2, and at 7 of the first steps in all"


def test_adversarial_training_clears_its_gradients(judged: Judged, toy: Toy) -> None:
    class Adversarial(Trainer):
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            del num_items_in_batch
            losses: list[Any] = [self.compute_loss(model.train(), dict(inputs)) for _ in range(2)]
            for loss in losses:
                self.accelerator.backward(loss)
            return losses[0].detach()

    assert judged("training.gradients_cleared", toy(Adversarial, num_train_epochs=1)) == []
