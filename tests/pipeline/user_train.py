"""A user's training script, as the tests of `from_trainer` import it by its path."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import IterableDataset
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import EvalPrediction

ANIMALS = ("cat", "dog", "bird", "horse")


def texts(count: int) -> dict[str, list[Any]]:
    first = [f"the {ANIMALS[row % 4]} sees {row} of them" for row in range(count)]
    second = [f"it is a {ANIMALS[(row + row % 2) % 4]} that sees {row}" for row in range(count)]
    return {"first": first, "second": second, "label": [row % 2 for row in range(count)]}


def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert"))


def model(num_labels: int = 2) -> BertForSequenceClassification:
    small: dict[str, Any] = {
        "num_labels": num_labels,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    config = BertConfig(vocab_size=len(tokenizer()), max_position_embeddings=64, **small)
    return BertForSequenceClassification(config)


def rows(count: int = 24) -> Dataset:
    tokens = tokenizer()
    return Dataset.from_dict(texts(count)).map(lambda row: tokens(row["first"], row["second"], truncation=True))


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids).mean())}


def build(output_dir: str = "unused", **changes: Any) -> Trainer:
    arguments: dict[str, Any] = {
        "num_train_epochs": 1,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "use_cpu": True,
    }
    parts: dict[str, Any] = {
        "model": changes.pop("model", None) or model(),
        "train_dataset": rows(),
        "eval_dataset": rows(10),
        "processing_class": tokenizer(),
        "data_collator": DataCollatorWithPadding(tokenizer()),
        "compute_metrics": compute_metrics,
    }
    arguments |= changes.pop("arguments", {})
    return Trainer(**parts | changes, args=TrainingArguments(output_dir=output_dir, **arguments))


def build_seeded(output_dir: str = "unused", seed: int = 42) -> Trainer:
    set_seed(seed)
    return build(output_dir)


class Weighted(Trainer):
    """Weights its classes, and takes the labels away from the model."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002 - as users write it
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(outputs.logits, labels, weight=torch.tensor([1.0, 3.0]))
        return (loss, outputs) if return_outputs else loss


def weighted(seed: int, output_dir: str, device: str, max_steps: int) -> Trainer:
    assert device == "cpu"
    built = build()
    return Weighted(
        model=built.model,
        args=TrainingArguments(output_dir=output_dir, seed=seed, max_steps=max_steps, use_cpu=True),
        train_dataset=built.train_dataset,
        eval_dataset=built.eval_dataset,
        data_collator=built.data_collator,
    )


class Encodings(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """The data set class of the older tutorials: padded tensors, the text is gone."""

    def __init__(self, count: int) -> None:
        table = texts(count)
        self.encodings = tokenizer()(table["first"], table["second"], truncation=True, padding=True)
        self.labels = table["label"]

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        item = {key: torch.tensor(values[index]) for key, values in self.encodings.items()}
        return {**item, "labels": torch.tensor(self.labels[index])}

    def __len__(self) -> int:
        return len(self.labels)


def with_encodings() -> Trainer:
    return build(train_dataset=Encodings(24), eval_dataset=Encodings(10), data_collator=None, processing_class=None)


def with_format() -> Trainer:
    columns = ["input_ids", "token_type_ids", "attention_mask", "label"]
    train, evaluation = rows(), rows(10)
    train.set_format("torch", columns=columns)
    evaluation.set_format("torch", columns=columns)
    return build(train_dataset=train, eval_dataset=evaluation)


def with_model_init() -> Trainer:
    return Trainer(
        model_init=partial(model, 2),
        args=TrainingArguments(output_dir="unused", max_steps=2, use_cpu=True),
        train_dataset=rows(),
        eval_dataset={"first": rows(10), "second": rows(6)},
        data_collator=DataCollatorWithPadding(tokenizer()),
    )


def without_evaluation() -> Trainer:
    return build(eval_dataset=None)


class Endless(IterableDataset[dict[str, object]]):
    """Yield the rows again and again, as a stream of a data set that does not fit onto the disk."""

    def __iter__(self) -> Iterator[dict[str, object]]:
        while True:
            yield from rows()


def streaming() -> Trainer:
    return build(train_dataset=Endless(), eval_dataset=rows(10).to_iterable_dataset(), arguments={"max_steps": 2})


class Ended(IterableDataset[dict[str, object]]):
    def __iter__(self) -> Iterator[dict[str, object]]:
        return iter([])


def ended_stream() -> Trainer:
    return build(train_dataset=Ended(), arguments={"max_steps": 2})


def empty() -> Trainer:
    return build(eval_dataset=rows(10).select([]))


def not_a_trainer() -> dict[str, int]:
    return {"accuracy": 1}


def trained() -> Trainer:
    built = build()
    built.state.global_step = 3
    return built


def fails() -> Trainer:
    message = "no such file: reviews.csv"
    raise FileNotFoundError(message)


def needs_more(folder: str) -> Trainer:
    return build(output_dir=folder)


def multi_label() -> Trainer:
    several = model(3)
    several.config.problem_type = "multi_label_classification"
    return build(model=several)


def broken_metrics() -> Trainer:
    return build(compute_metrics=lambda evaluated: {"accuracy": evaluated.nothing})


def metrics_of_nothing() -> Trainer:
    return build(compute_metrics=lambda _: None)


def metrics_in_a_list() -> Trainer:
    return build(compute_metrics=lambda _: [0.5])


def metrics_of_text() -> Trainer:
    return build(compute_metrics=lambda _: {"accuracy": "good"})


def regression() -> Trainer:
    table = rows()
    scores = [float(row % 5) for row in range(len(table))]
    table = table.remove_columns("label").add_column("labels", scores)
    return build(model=model(1), train_dataset=table, eval_dataset=table, compute_metrics=None)


def with_prepared_logits() -> Trainer:
    """Keep the predicted classes alone, as evaluations of large vocabularies do."""

    def compute(evaluated: EvalPrediction) -> dict[str, float]:
        return {"accuracy": float(np.mean(np.equal(evaluated.predictions, evaluated.label_ids)))}

    return build(preprocess_logits_for_metrics=lambda logits, _labels: logits.argmax(dim=-1), compute_metrics=compute)


def with_two_sets(output_dir: str = "unused") -> Trainer:
    """The best epoch is chosen on the second of two evaluation sets."""
    arguments = {
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "load_best_model_at_end": True,
        "metric_for_best_model": "late_accuracy",
    }
    sets = {"early": rows(10), "late": rows(16)}
    return build(output_dir, arguments=arguments, eval_dataset=sets)


class LogitsAlone(Trainer):
    """Hands the logits back where the Trainer takes a model output: it leaves out the first entry of what it gets."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002 - as users write it
        outputs = model(**inputs)
        return (outputs.loss, outputs.logits) if return_outputs else outputs.loss


def logits_alone() -> Trainer:
    built = build()
    return LogitsAlone(
        model=built.model,
        args=TrainingArguments(output_dir="unused", max_steps=2, per_device_eval_batch_size=4, use_cpu=True),
        train_dataset=built.train_dataset,
        eval_dataset=built.eval_dataset,
        data_collator=built.data_collator,
    )
