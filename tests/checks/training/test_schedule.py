"""The learning rate: as declared, to its end, and of use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import TrainerCallback, get_linear_schedule_with_warmup

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]
    Traced = Callable[..., Evidence]

SHORT = {"num_train_epochs": 1, "eval_strategy": "no"}


def both(judged: Judged, parts: Pipeline | Evidence) -> dict[str, list[str]]:
    return {
        name: [entry.observed for entry in judged(f"training.{name}", parts)] for name in ("schedule", "learning_rate")
    }


HEALTHY: dict[str, dict[str, Any]] = {
    "warm-up": {"warmup_steps": 0.25},
    "cosine": {"lr_scheduler_type": "cosine"},
    "restarts": {"lr_scheduler_type": "cosine_with_restarts", "lr_scheduler_kwargs": {"num_cycles": 2}},
    "polynomial": {"lr_scheduler_type": "polynomial"},
    "constant": {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 2},
    "end early": {"max_steps": 5, "num_train_epochs": 3},
}


@pytest.mark.parametrize("recipe", HEALTHY.values(), ids=HEALTHY.keys())
def test_declared_schedules_are_followed(judged: Judged, toy: Toy, evidence_of: Any, recipe: dict[str, Any]) -> None:
    assert both(judged, evidence_of(toy(**SHORT | recipe))) == {"schedule": [], "learning_rate": []}


def test_rates_of_layers_follow_one_schedule(judged: Judged, toy: Toy, evidence_of: Any) -> None:
    from transformers import Trainer

    class LayerWise(Trainer):
        def create_optimizer(self, model: Any = None) -> Any:
            parts: Any = self.model if model is None else model
            head, body = list(parts.classifier.parameters()), list(parts.bert.parameters())
            groups: list[dict[str, Any]] = [{"params": head}, {"params": body, "lr": 1e-4}]
            self.optimizer = torch.optim.AdamW(groups, lr=3e-3)
            return self.optimizer

    assert both(judged, evidence_of(toy(LayerWise, **SHORT))) == {"schedule": [], "learning_rate": []}


def test_rates_that_follow_the_metric_are_not_judged(judged: Judged, traced: Traced, toy: Toy) -> None:
    plateau = {"lr_scheduler_type": "reduce_lr_on_plateau", "lr_scheduler_kwargs": {"mode": "max"}}
    pipeline = toy(**plateau, metric_for_best_model="accuracy")
    with pytest.raises(NotApplicable, match="follows the metric"):
        judged("training.schedule", traced(pipeline))


def test_scheduler_in_a_callback_is_stepped_twice(judged: Judged, toy: Toy, evidence_of: Any) -> None:
    class Steps(TrainerCallback):
        def on_step_end(self, *_: Any, **kwargs: Any) -> None:
            kwargs["lr_scheduler"].step()

    seen = both(judged, evidence_of(toy(parts={"callbacks": [Steps()]}, **SHORT)))
    assert seen["schedule"] == ["16 steps of it", "0.00225, and another one at 7 steps in all"]
    assert seen["learning_rate"] == ["it is 0 at 4 of 8 optimizer steps: the last one above 0 is step 4"]


def test_another_rate_than_declared_is_found(judged: Judged, traced: Traced) -> None:
    rates = tuple((6e-3 * (1 - step / 32),) for step in range(32))
    findings = judged("training.schedule", traced(learning_rates=rates, base_learning_rates=(6e-3,)))
    assert [(entry.expected, entry.observed) for entry in findings] == [
        ("a schedule of the learning rate 0.003", "it starts from 0.006")
    ]


def test_other_course_than_declared_is_found_at_its_step(judged: Judged, traced: Traced) -> None:
    rates = ((3e-3,),) * 32
    (found,) = judged("training.schedule", traced(learning_rates=rates))
    assert found.expected == ("a learning rate of 0.002906 at optimizer step 2 (linear, 0 steps of warm-up, 32 in all)")
    assert found.observed == "0.003, and another one at 31 steps in all"


def test_early_stop_ends_a_schedule_before_its_end(judged: Judged, traced: Traced) -> None:
    rates = tuple((3e-3 * (1 - step / 64),) for step in range(32))
    assert judged("training.schedule", traced(learning_rates=rates, planned_steps=64)) == []


def own_schedule(length: int) -> Any:
    def make(model: Any) -> Any:
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        return optimizer, get_linear_schedule_with_warmup(optimizer, 0, length)

    return make


@pytest.mark.parametrize(("length", "said"), [(8, []), (7, []), (64, ["one for 64"]), (4, ["one for 4"])])
def test_own_schedule_is_made_for_the_run(judged: Judged, toy: Toy, length: int, said: list[str]) -> None:
    findings = judged("training.schedule", toy(optimizers=own_schedule(length), **SHORT))
    assert [entry.observed for entry in findings] == said


def test_own_schedule_may_be_made_for_more_rows_than_are_asked_for(judged: Judged, toy: Toy) -> None:
    pipeline = toy(optimizers=own_schedule(8), **SHORT, warmup_steps=4)
    fewer = replace(pipeline, train_dataset=pipeline.train_dataset.select(range(40)))
    assert judged("training.schedule", fewer) == []


def test_schedulers_of_torch_are_counted(judged: Judged, toy: Toy, evidence_of: Any) -> None:
    def make(model: Any) -> Any:
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=9)

    assert both(judged, evidence_of(toy(optimizers=make, **SHORT))) == {"schedule": [], "learning_rate": []}


# -- learning_rate ----------------------------------------------------------------------------------------------------


def rate(judged: Judged, traced: Traced, rates: list[float], **changes: Any) -> list[str]:
    evidence = traced(learning_rates=tuple((value,) for value in rates), **changes)
    return [entry.observed for entry in judged("training.learning_rate", evidence)]


def test_rate_of_nothing_is_found(judged: Judged, traced: Traced) -> None:
    assert rate(judged, traced, [0.0] * 32) == ["0 at all of 32 optimizer steps"]
    assert rate(judged, traced, [1e-3] * 31 + [-1e-3]) == ["as low as -0.001"]
    assert rate(judged, traced, [0.0]) == []


def test_rate_that_ends_long_before_the_run_is_found(judged: Judged, traced: Traced) -> None:
    seen = rate(judged, traced, [3e-3] * 20 + [0.0] * 12)
    assert seen == ["it is 0 at 12 of 32 optimizer steps: the last one above 0 is step 20"]
    assert rate(judged, traced, [0.0] + [3e-3] * 30 + [0.0]) == []


def test_warm_up_longer_than_the_run_is_found(judged: Judged, traced: Traced) -> None:
    (seen,) = rate(judged, traced, [3e-3 * step / 500 for step in range(32)])
    assert seen == "at most 0.000186 in 32 optimizer steps"
    fewer = traced().pipeline
    fewer = replace(fewer, train_dataset=fewer.train_dataset.select(range(8)))
    assert rate(judged, lambda **given: traced(fewer, **given), [3e-3 * step / 500 for step in range(32)]) == []


def test_optimizer_that_chooses_its_rate_is_not_judged(judged: Judged, traced: Traced) -> None:
    with pytest.raises(NotApplicable, match="chooses its own"):
        rate(judged, traced, [float("nan")] * 32)


def test_weights_that_are_wiped_out_are_found(judged: Judged, traced: Traced, kit: Any) -> None:
    far = [kit.parameter(f"layer.{number}", moved=40.0) for number in range(3)]
    (seen,) = rate(judged, traced, [0.9] * 32, parameters=(*far, kit.parameter("head")))
    assert seen == "3 of 4 moved further: layer.0 by 40, from at most 0.3"
    assert rate(judged, traced, [3e-3] * 32, parameters=(far[0], *[kit.parameter("head")] * 3)) == []


def sgd(rate: float) -> Callable[[Any], tuple[Any, Any]]:
    return lambda model: (torch.optim.SGD(model.parameters(), lr=rate), None)


def test_a_rate_of_adam_for_sgd_is_found(judged: Judged, toy: Toy) -> None:
    (found,) = judged("training.learning_rate", toy(optimizers=sgd(5e-5), **SHORT))
    assert found.observed == "5e-05: too small for SGD"
    assert judged("training.learning_rate", toy(optimizers=sgd(1e-2), **SHORT)) == []


def test_rates_that_a_loaded_state_brings_along_are_found(judged: Judged, toy: Toy) -> None:
    def loaded(model: Any) -> tuple[Any, Any]:
        before, optimizer = (torch.optim.AdamW(model.parameters(), lr=rate) for rate in (1e-6, 3e-3))
        optimizer.load_state_dict(before.state_dict())
        return optimizer, None

    (found,) = judged("training.learning_rate", toy(optimizers=loaded, **SHORT))
    assert found.expected == "a learning rate of 0.003, as TrainingArguments has it"
    assert found.observed == "1e-06 in the optimizer"
