"""A run that goes on from a checkpoint."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import Trainer, TrainerCallback

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]

CHECK = "training.resume"


@pytest.mark.parametrize(
    "recipe",
    [
        {"save_only_model": True, "save_total_limit": 1},
        {"gradient_accumulation_steps": 4},
        {"train_sampling_strategy": "group_by_length"},
        {"bf16": True},
    ],
    ids=lambda recipe: next(iter(recipe)),
)
def test_resumed_runs_of_a_card_are_unbroken(
    judged: Judged, make_pipeline: Callable[..., Pipeline], recipe: dict[str, Any]
) -> None:
    assert judged(CHECK, make_pipeline("mrpc", train_rows=24, eval_rows=8, **recipe)) == []


def test_own_optimizer_and_schedule_are_restored(judged: Judged, toy: Toy) -> None:
    def own(model: Any) -> Any:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        return optimizer, torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)

    assert judged(CHECK, toy(optimizers=own)) == []


class WithoutWeights(Trainer):
    def _load_from_checkpoint(self, *_: Any, **__: Any) -> None:
        pass


class WithoutOptimizer(Trainer):
    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            state = torch.load(Path(checkpoint, "scheduler.pt"), weights_only=True)
            assert self.lr_scheduler is not None
            assert self.optimizer is not None
            self.lr_scheduler.load_state_dict(state)
            for group, rate in zip(self.optimizer.param_groups, state["_last_lr"], strict=True):
                group["lr"] = rate


class WithoutBoth(Trainer):
    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        pass


class WithoutRandomState(Trainer):
    def _load_rng_state(self, checkpoint: str | None) -> None:
        pass


@pytest.mark.parametrize(
    ("trainer", "state"),
    [
        (WithoutWeights, "the weights were not restored"),
        (WithoutOptimizer, "the state of the optimizer, or one of the user's own, was not restored"),
        (WithoutBoth, "the scheduler was not restored"),
        (WithoutRandomState, "and equal without dropout: the random state was not restored"),
    ],
)
def test_state_that_is_not_restored_is_named(judged: Judged, toy: Toy, trainer: type[Trainer], state: str) -> None:
    middle, end = judged(CHECK, toy(trainer))
    assert middle.expected == (
        "resumed at optimizer step 2, in the middle of an epoch, it trains as if it had never stopped"
    )
    assert end.expected.startswith("resumed at optimizer step 4, at the end of an epoch, ")
    assert middle.observed.endswith(state)
    assert end.observed.endswith(state)


def test_rows_that_come_again_are_found(judged: Judged, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.trainer.skip_first_batches", lambda loader, _: loader)
    (middle,) = judged(CHECK, toy())
    assert "in the middle of an epoch" in middle.expected
    assert middle.observed == "other rows: the order of the data was not restored"


def test_state_of_ones_own_is_found(judged: Judged, toy: Toy) -> None:
    class Decays(TrainerCallback):
        """Shrinks a weight by a factor that it keeps for itself."""

        factor = 1.0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.factor = 1.0

        def on_step_end(self, *_: Any, **kwargs: Any) -> None:
            self.factor *= 0.9
            with torch.no_grad():
                kwargs["model"].classifier.bias[0] += 0.1 * self.factor

    middle, _ = judged(CHECK, toy(parts={"callbacks": [Decays()]}))
    assert middle.observed.startswith("first apart at step 4, ")
    assert middle.observed.endswith("; the Trainer's checkpoints do not hold the state of Decays")
    assert middle.level == "warn"  # the training itself is healthy


def test_a_trainer_that_saves_an_average_only_warns(judged: Judged, toy: Toy) -> None:
    class Averages(Trainer):
        """Saves other weights than those it trains on with."""

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            weights = state_dict or self.model.state_dict()  # type: ignore[union-attr]  # a Trainer that trains has a model
            super()._save(output_dir, {name: weight * 0.9 for name, weight in weights.items()})

    middle, _ = judged(CHECK, toy(Averages))
    assert middle.level == "warn"
    assert middle.observed.endswith("; the Trainer's checkpoints do not hold the state of Averages._save")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ignore_data_skip": True}, "meant to see other rows"),
        ({"rows": lambda rows: rows.select(range(12))}, "12 training rows are too few"),
    ],
)
def test_reasons_not_to_judge(judged: Judged, toy: Toy, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        judged(CHECK, toy(**options))


def test_manual_engine_and_models_as_they_are_are_not_judged(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="manual engine"):
        judged(CHECK, toy(), "manual")
    with pytest.raises(NotApplicable, match="nothing was trained"):
        judged(CHECK, replace(toy(), trains=False))


def test_what_differs_anyhow_is_no_fault_of_the_checkpoint(judged: Judged, toy: Toy, kit: Any) -> None:
    def masked(features: list[dict[str, Any]]) -> Any:
        batch = kit.pad_rows(features)
        batch["input_ids"][torch.rand(batch["input_ids"].shape) < 0.2] = 4
        return batch

    with pytest.raises(NotApplicable, match="rows are changed at random"):
        judged(CHECK, toy(parts={"data_collator": masked}))

    unseeded = kit.trainer_with(
        lambda logits, labels: torch.nn.functional.cross_entropy(
            logits + torch.randn(logits.shape, generator=_unseeded()) / 9, labels
        )
    )
    with pytest.raises(NotApplicable, match=r"not judged because of training\.seeds"):
        judged(CHECK, toy(unseeded))


def _unseeded() -> torch.Generator:
    generator = torch.Generator()
    generator.seed()
    return generator


class Tidies(TrainerCallback):
    """Removes all checkpoints but the newest."""

    def on_save(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
        for folder in Path(args.output_dir).glob("checkpoint-*"):
            if folder.name != f"checkpoint-{state.global_step}":
                shutil.rmtree(folder)


def test_checkpoints_that_a_callback_removes_are_not_judged(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match=r"callbacks of its own \(Tidies\) may remove them"):
        judged(CHECK, toy(parts={"callbacks": [Tidies()]}))
