"""Seeds, workers, precision and engines: short fine-tunes that should be equal."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import Trainer, TrainerCallback

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]

CE = torch.nn.functional.cross_entropy


def unseeded() -> torch.Generator:
    generator = torch.Generator()
    generator.seed()
    return generator


class DrawnAnew(Trainer):
    def get_train_dataloader(self) -> Any:
        rows: Any = self._remove_unused_columns(self.train_dataset, description="training")
        size, collate = self.args.train_batch_size, self.data_collator
        return torch.utils.data.DataLoader(rows, size, shuffle=True, collate_fn=collate, generator=unseeded())


# -- seeds ------------------------------------------------------------------------------------------------------------


def test_order_without_a_seed_is_found(judged: Judged, toy: Toy) -> None:
    (found,) = judged("training.seeds", toy(DrawnAnew))
    assert found.expected == "two runs with seed 0 are equal"
    assert found.observed == "they see other rows, or the same in another order"


def test_first_weights_without_a_seed_are_found(judged: Judged, toy: Toy) -> None:
    def another_head(model: Any) -> None:
        with torch.no_grad():
            model.classifier.weight.normal_(generator=unseeded())

    (found,) = judged("training.seeds", toy(change=another_head))
    assert found.observed.startswith("on the same rows, first apart at optimizer step 1: loss ")
    assert found.observed.endswith("initialisation, dropout or the loss draw without a seed")


def test_noise_in_a_later_step_is_found(judged: Judged, toy: Toy) -> None:
    class Shakes(TrainerCallback):
        def on_step_end(self, *_: Any, **kwargs: Any) -> None:
            with torch.no_grad():
                kwargs["model"].classifier.weight.add_(torch.rand(2, 32, generator=unseeded()))

    (found,) = judged("training.seeds", toy(parts={"callbacks": [Shakes()]}))
    assert "first apart at optimizer step 2: " in found.observed


def test_seed_in_the_code_is_found(judged: Judged, toy: Toy, kit: Any) -> None:
    def always_the_same() -> Any:
        torch.manual_seed(42)
        return kit.small_bert(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)

    (found,) = judged("training.seeds", toy(model=always_the_same, train_sampling_strategy="sequential"))
    assert found.expected == "seed 1 gives other weights than seed 0"
    assert found.observed == "the same ones after 4 optimizer steps"
    assert "written into the code" in found.hint


# -- workers ----------------------------------------------------------------------------------------------------------


class Counts:
    """A collator with a state: every second batch that it makes is another."""

    def __init__(self, pad: Any, change: Callable[[Any], Any]) -> None:
        self.pad, self.change, self.calls = pad, change, 0

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        batch = self.pad(features)
        if "labels" not in features[0] or not torch.is_grad_enabled():
            return batch
        self.calls += 1
        return self.change(batch) if self.calls % 2 == 0 else batch


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda batch: {**batch, "labels": 1 - batch["labels"]}, "another one at place "),
        (lambda batch: {**batch, "attention_mask": batch["attention_mask"] * 0 + 1}, "on the same rows, first apart"),
    ],
    ids=["labels", "mask"],
)
def test_collator_with_a_state_differs_from_worker_to_worker(
    judged: Judged, toy: Toy, kit: Any, change: Any, said: str
) -> None:
    class Fresh(Trainer):
        def get_train_dataloader(self) -> Any:
            self.data_collator = Counts(kit.pad_rows, change)
            return super().get_train_dataloader()

    (found,) = judged("training.workers", toy(Fresh, dataloader_num_workers=2))
    assert found.expected == "the same 16 rows in the same order, and the same losses"
    assert found.observed.startswith(said)


def test_what_differs_from_run_to_run_is_left_to_the_seeds(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match=r"not judged because of training\.seeds"):
        judged("training.workers", toy(DrawnAnew))


def test_random_tokens_are_not_judged(judged: Judged, toy: Toy, kit: Any) -> None:
    def masked(features: list[dict[str, Any]]) -> Any:
        batch = kit.pad_rows(features)
        batch["input_ids"][torch.rand(batch["input_ids"].shape) < 0.2] = 4
        return batch

    with pytest.raises(NotApplicable, match="each process draws its own"):
        judged("training.workers", toy(parts={"data_collator": masked}))


def test_platform_without_fork_is_not_judged(judged: Judged, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda **_: "spawn")
    with pytest.raises(NotApplicable, match="processes are not forked here"):
        judged("training.workers", toy())


def test_environment_is_left_as_it_was(judged: Judged, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    assert judged("training.workers", toy()) == []
    assert "TOKENIZERS_PARALLELISM" not in os.environ


def test_forks_of_a_process_with_threads_are_no_warning(
    judged: Judged, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork, forked = os.fork, []

    def as_of_python_3_12() -> int:
        forked.append(1)
        said = f"This process (pid={os.getpid()}) is multi-threaded, use of fork() may lead to deadlocks in the child."
        warnings.warn(said, DeprecationWarning, stacklevel=2)
        return fork()

    monkeypatch.setattr(os, "fork", as_of_python_3_12)
    assert judged("training.workers", toy()) == []
    assert forked


# -- precision --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_bf16_follows_float32(judged: Judged, toy: Toy, engine: str) -> None:
    assert judged("training.precision", toy(bf16=True), engine) == []


def test_digits_lost_in_bf16_are_found(judged: Judged, toy: Toy) -> None:
    def offset(model: Any) -> None:
        # A softmax forgives it, but numbers around 1024 are 8 apart in bfloat16.
        model.classifier.register_forward_hook(lambda _, __, logits: logits + 1024)

    (found,) = judged("training.precision", toy(change=offset, bf16=True))
    assert "as in float32, within" in found.expected
    assert found.observed.endswith("with bf16")


def test_float32_alone_is_not_judged(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="does not use mixed precision"):
        judged("training.precision", toy())


# -- engines ----------------------------------------------------------------------------------------------------------


def test_one_engine_is_not_compared(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="--ftcheck-engine=both"):
        judged("training.engine_parity", toy())


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_engines_agree_on_a_card(
    judged: Judged, make_pipeline: Callable[..., Pipeline], evidence_of: Callable[..., Evidence], task: str
) -> None:
    pipeline = make_pipeline(task, train_rows=64, eval_rows=16, warmup_steps=2, gradient_accumulation_steps=2)
    assert judged("training.engine_parity", evidence_of(pipeline, both=True)) == []


def test_loop_with_another_rate_is_found(
    judged: Judged, toy: Toy, evidence_of: Callable[..., Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(
        "accelerate.Accelerator.clip_grad_norm_", lambda _, parameters, norm, *__: clip(parameters, norm / 1e6)
    )
    from transformers import Trainer as Stock

    monkeypatch.setattr(Stock, "_clip_grad_norm", lambda self, model: clip(model.parameters(), self.args.max_grad_norm))
    losses, logits = judged("training.engine_parity", evidence_of(toy(), both=True))
    assert losses.expected == "losses of trainer and manual within 1e-05 at each of 6 steps"
    assert losses.observed.startswith("first apart at optimizer step 2: ")
    assert logits.observed.endswith(" apart")


@pytest.mark.parametrize("own", ["training_step", "callback"])
def test_parts_that_a_loop_does_not_call_are_not_compared(
    judged: Judged, toy: Toy, evidence_of: Callable[..., Evidence], own: str
) -> None:
    class Steps(Trainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            return super().training_step(*args, **kwargs)

    class Shakes(TrainerCallback):
        def on_step_end(self, *_: Any, **kwargs: Any) -> None:
            with torch.no_grad():
                kwargs["model"].classifier.weight.add_(0.1)

    pipeline = toy(Steps) if own == "training_step" else toy(parts={"callbacks": [Shakes()]})
    with pytest.raises(NotApplicable, match="a training_step of its own" if own == "training_step" else "Shakes"):
        judged("training.engine_parity", evidence_of(pipeline, both=True))
