"""Trainers of every shape that a user may have: each must train under pytest as it does in a script."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKPOINT = str(bundled_checkpoint("tiny-bert"))
TOKENIZER = AutoTokenizer.from_pretrained(CHECKPOINT)
PLACES = ("kitchen", "garden", "hall", "attic", "cellar")
SEEN: list[dict[str, Any]] = []
"""What the callback `Spy` saw of each training, the latest last."""


def rows(count: int, first: int = 0) -> Dataset:
    texts = [
        " and ".join(
            f"the {PLACES[(row + word) % 5]} was {'warm' if row % 2 else 'cold'}" for word in range(1 + row % 4)
        )
        for row in range(first, first + count)
    ]
    table = Dataset.from_dict({"text": texts, "label": [row % 2 for row in range(first, first + count)]})
    return table.map(lambda row: TOKENIZER(row["text"], truncation=True))


def model() -> Any:
    return AutoModelForSequenceClassification.from_pretrained(CHECKPOINT, num_labels=2)


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids).mean())}


def build(kind: type[Trainer] = Trainer, *, seed: int, output_dir: str, **changes: Any) -> Trainer:
    """Put a Trainer together; what is given takes the place of an argument or a part."""
    arguments: dict[str, Any] = {
        "learning_rate": 1e-3,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "logging_steps": 2,
    }
    arguments |= changes.pop("arguments", {})
    parts: dict[str, Any] = {
        "train_dataset": rows(40),
        "eval_dataset": rows(18, first=40),
        "processing_class": TOKENIZER,
        "data_collator": DataCollatorWithPadding(TOKENIZER),
        "compute_metrics": compute_metrics,
    }
    parts |= changes
    if "model_init" not in parts:
        parts.setdefault("model", model())
    args = TrainingArguments(output_dir=output_dir, seed=seed, **arguments)
    return kind(args=args, **parts)


def plain(seed: int = 1, output_dir: str = "out") -> Trainer:
    return build(seed=seed, output_dir=output_dir)


def own_optimizer(seed: int = 1, output_dir: str = "out") -> Trainer:
    made = model()
    optimizer = torch.optim.RAdam(made.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    return build(seed=seed, output_dir=output_dir, model=made, optimizers=(optimizer, schedule))


def with_model_init(seed: int = 1, output_dir: str = "out") -> Trainer:
    return build(seed=seed, output_dir=output_dir, model_init=model)


def best_at_the_end(seed: int = 1, output_dir: str = "out") -> Trainer:
    arguments = {
        "save_strategy": "epoch",
        "load_best_model_at_end": True,
        "metric_for_best_model": "loss",
        "learning_rate": 8e-3,
        "num_train_epochs": 3,
        "save_total_limit": 1,
    }
    return build(seed=seed, output_dir=output_dir, arguments=arguments)


def accumulated(seed: int = 1, output_dir: str = "out") -> Trainer:
    arguments = {"gradient_accumulation_steps": 3, "per_device_train_batch_size": 3, "max_grad_norm": 0.5}
    return build(seed=seed, output_dir=output_dir, arguments=arguments)


class Dice(TrainerCallback):
    """Moves every generator while it trains and while it evaluates."""

    def on_step_end(self, *_: Any, **__: Any) -> None:
        torch.rand(2), np.random.rand(3), random.random()  # noqa: NPY002, S311 - that is what it is here for

    def on_evaluate(self, *_: Any, **__: Any) -> None:
        torch.rand(1)


def callbacks_that_draw(seed: int = 1, output_dir: str = "out") -> Trainer:
    return build(seed=seed, output_dir=output_dir, callbacks=[Dice()])


class Weighted(Trainer):
    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002 - as users write it
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        noise = 1 + 0.1 * torch.rand(())
        loss = noise * torch.nn.functional.cross_entropy(outputs.logits, labels, weight=torch.tensor([1.0, 3.0]))
        return (loss, outputs) if return_outputs else loss


def own_loss(seed: int = 1, output_dir: str = "out") -> Trainer:
    return build(Weighted, seed=seed, output_dir=output_dir)


def several_sets(seed: int = 1, output_dir: str = "out") -> Trainer:
    sets = {"late": rows(18, first=40), "hard": rows(7, first=90)}
    return build(seed=seed, output_dir=output_dir, eval_dataset=sets)


def with_workers(seed: int = 1, output_dir: str = "out") -> Trainer:
    return build(seed=seed, output_dir=output_dir, arguments={"dataloader_num_workers": 2})


def by_length(seed: int = 1, output_dir: str = "out") -> Trainer:
    arguments = {"train_sampling_strategy": "group_by_length", "per_device_eval_batch_size": 4}
    return build(seed=seed, output_dir=output_dir, arguments=arguments)


def without_metrics(seed: int = 1, output_dir: str = "out") -> Trainer:
    return build(seed=seed, output_dir=output_dir, compute_metrics=None)


def in_half_precision(seed: int = 1, output_dir: str = "out") -> Trainer:
    arguments = {"bf16": True, "use_cpu": True, "label_smoothing_factor": 0.1}
    return build(seed=seed, output_dir=output_dir, arguments=arguments)


class Student(Trainer):
    """Learns from a teacher, which its factory has trained, and reads settings that its arguments carry."""

    teacher: Any = None

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002 - as above
        outputs = model(**inputs)
        with torch.no_grad():
            wanted = self.teacher(**inputs).logits
        share: float = self.args.of_teacher  # type: ignore[attr-defined]  # the factory puts it there
        loss = outputs.loss + share * torch.nn.functional.mse_loss(outputs.logits, wanted)
        return (loss, outputs) if return_outputs else loss


def two_trainers(seed: int = 1, output_dir: str = "out") -> Trainer:
    teacher = build(seed=7, output_dir=os.path.join(output_dir, "teacher"))  # noqa: PTH118 - as users write it
    teacher.train()
    student = build(Student, seed=seed, output_dir=output_dir)
    student.args.of_teacher = 0.3  # type: ignore[attr-defined]  # as above
    student.teacher = teacher.model  # type: ignore[attr-defined]  # as above
    return student


SHAPES: tuple[Callable[..., Trainer], ...] = (
    plain,
    own_optimizer,
    with_model_init,
    best_at_the_end,
    accumulated,
    callbacks_that_draw,
    own_loss,
    several_sets,
    with_workers,
    by_length,
    without_metrics,
    in_half_precision,
    two_trainers,
)


class Spy(TrainerCallback):
    """Notes what a training finds around it when it begins."""

    def on_train_begin(self, args: Any, *_: Any, **kwargs: Any) -> None:
        head = kwargs["model"].classifier.weight.detach()
        SEEN.append({**arguments_of(args), **process(), "first weights": float(head.sum())})


def spied(seed: int = 1, output_dir: str = "spied-out") -> Trainer:
    arguments = {"report_to": ["wandb"], "push_to_hub": True}
    return build(seed=seed, output_dir=output_dir, callbacks=[Spy()], arguments=arguments)


def writes_into_its_folder() -> Trainer:
    made = build(seed=1, output_dir="labels-out")
    Path("labels-out", "labels.txt").write_text("cold warm", encoding="utf-8")
    return made


KEPT: list[Trainer] = []


def kept() -> Trainer:
    if not KEPT:
        KEPT.append(build(seed=1, output_dir="out"))
    return KEPT[0]


def arguments_of(args: TrainingArguments) -> dict[str, Any]:
    """All arguments, also those that are no fields."""
    return {f"args.{name}": repr(value) for name, value in vars(args).items()}


def process() -> dict[str, Any]:
    """What a training depends on in its process."""
    deterministic: Any = torch.utils.deterministic
    names = ("bernoulli_.float", "mm", "addmm", "native_dropout", "linear", "embedding")
    kernels = {f"kernel {name}": torch._C._dispatch_dump(f"aten::{name}") for name in names}
    return {
        **kernels,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "filled": deterministic.fill_uninitialized_memory,
        "precision": torch.get_float32_matmul_precision(),
        "dtype": torch.get_default_dtype(),
        "anomalies": torch.is_anomaly_enabled(),
        "torch": torch.get_rng_state().sum().item(),
        "numpy": np.random.get_state()[1].sum(),  # type: ignore[index]  # noqa: NPY002 - what libraries use
        "python": hash(random.getstate()),
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
    }


def bare(factory: Callable[..., Trainer], output_dir: str, seed: int = 0) -> dict[str, Any]:
    """What a script does: seed, make the Trainer, train, evaluate, predict."""
    set_seed(seed)
    trainer = factory(seed=seed, output_dir=output_dir)
    trainer.train()
    reported = trainer.evaluate()
    judged: Any = trainer.eval_dataset
    trainer.args.train_sampling_strategy = "random"
    predicted = trainer.predict(next(iter(judged.values())) if isinstance(judged, dict) else judged)
    weights = {name: tensor.detach().cpu().clone() for name, tensor in trainer.model.state_dict().items()}  # type: ignore[union-attr]  # it has trained
    return {"metrics": reported, "logits": predicted.predictions, "weights": weights, "log": trainer.state.log_history}
