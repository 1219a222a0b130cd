"""Five healthy Trainers of multiple choice, as users have them: over the bundled rows of swag."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from datasets import Dataset, load_dataset
from torch.utils.data import Dataset as TorchDataset
from transformers import (
    AutoModelForMultipleChoice,
    AutoTokenizer,
    DataCollatorForMultipleChoice,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    default_data_collator,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint, bundled_data

CHECKPOINT = str(bundled_checkpoint("tiny-bert"))
ENDINGS = [f"ending{place}" for place in range(4)]


def splits() -> tuple[Dataset, Dataset]:
    folder = bundled_data("swag")
    files = {"train": f"{folder}/train.jsonl", "validation": f"{folder}/validation.jsonl"}
    loaded: Any = load_dataset("json", data_files=files)
    return loaded["train"], loaded["validation"]


def arguments(**changes: Any) -> TrainingArguments:
    chosen: dict[str, Any] = {
        "output_dir": "choices-out",
        "learning_rate": 1e-3,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 16,
        "per_device_eval_batch_size": 32,
        "warmup_steps": 0.1,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
    }
    return TrainingArguments(**chosen | changes)


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    scores: Any = prediction.predictions
    return {"accuracy": float((np.argmax(scores, axis=1) == prediction.label_ids).mean())}


def in_the_style_of_the_example() -> Trainer:
    """Contexts are repeated, endings put behind them, all of it tokenized flat and grouped again by four."""
    train, validation = splits()
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)

    def preprocess(rows: dict[str, list[Any]]) -> dict[str, Any]:
        firsts = [[context] * 4 for context in rows["sent1"]]
        seconds = [[f"{start} {rows[name][index]}" for name in ENDINGS] for index, start in enumerate(rows["sent2"])]
        flat = tokenizer(list(chain(*firsts)), list(chain(*seconds)), max_length=48, truncation=True)
        return {key: [values[at : at + 4] for at in range(0, len(values), 4)] for key, values in flat.items()}

    return Trainer(
        model=AutoModelForMultipleChoice.from_pretrained(CHECKPOINT),
        args=arguments(),
        train_dataset=train.map(preprocess, batched=True),
        eval_dataset=validation.map(preprocess, batched=True),
        processing_class=tokenizer,
        data_collator=DataCollatorForMultipleChoice(tokenizer),
        compute_metrics=accuracy,
    )


@dataclass
class PadsChoices:
    """Flattens, pads to a multiple of 8 and puts together again."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        labels = [feature["label"] for feature in features]
        flat = [
            {key: values[place] for key, values in feature.items() if key != "label"}
            for feature in features
            for place in range(len(feature["input_ids"]))
        ]
        padded = self.tokenizer.pad(flat, padding=True, pad_to_multiple_of=8, return_tensors="pt")
        batch: dict[str, Any] = {key: value.view(len(features), 4, -1) for key, value in padded.items()}
        return {**batch, "labels": torch.tensor(labels, dtype=torch.int64)}


def without_texts() -> Trainer:
    """Nothing but tokens and labels is left in the rows, the collator is the user's own, and there are no metrics."""
    train, validation = splits()
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)

    def encode(row: dict[str, Any]) -> dict[str, Any]:
        return dict(tokenizer([row["sent1"]] * 4, [f"{row['sent2']} {row[name]}" for name in ENDINGS]))

    texts = [*ENDINGS, "sent1", "sent2", "idx"]
    return Trainer(
        model=AutoModelForMultipleChoice.from_pretrained(CHECKPOINT),
        args=arguments(optim="adafactor"),
        train_dataset=train.map(encode, remove_columns=texts),
        eval_dataset=validation.map(encode, remove_columns=texts),
        data_collator=PadsChoices(tokenizer),
        processing_class=tokenizer,
    )


class MarginTrainer(Trainer):
    """Cross entropy, and a margin between the right choice and the best wrong one."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: Any = False, num_items_in_batch: Any = None) -> Any:  # noqa: FBT002
        del num_items_in_batch
        outputs = model(**inputs)
        right = torch.nn.functional.one_hot(inputs["labels"], outputs.logits.shape[1]).bool()
        best_wrong = outputs.logits.masked_fill(right, -1e4).amax(dim=1)
        margin = torch.relu(1 - outputs.logits[right] + best_wrong).mean()
        loss = torch.nn.functional.cross_entropy(outputs.logits, inputs["labels"]) + 0.2 * margin
        return (loss, outputs) if return_outputs else loss


def with_a_margin() -> Trainer:
    """A subclass with a loss of its own; rows tokenized by the tokenizer's limit alone."""
    train, validation = splits()
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)

    def encode(rows: dict[str, list[Any]]) -> dict[str, Any]:
        made: dict[str, list[Any]] = {}
        for index, context in enumerate(rows["sent1"]):
            seconds = [f"{rows['sent2'][index]} {rows[name][index]}" for name in ENDINGS]
            for key, values in tokenizer([context] * 4, seconds, truncation="only_first", max_length=64).items():
                made.setdefault(key, []).append(values)
        return {**made, "labels": rows["label"]}

    kept = ["sent1", "sent2", *ENDINGS]
    dropped = ["label", "idx"]
    encoded = [rows.map(encode, batched=True, remove_columns=dropped) for rows in (train, validation)]
    assert set(kept) <= set(encoded[0].column_names)
    return MarginTrainer(
        model=AutoModelForMultipleChoice.from_pretrained(CHECKPOINT),
        args=arguments(),
        train_dataset=encoded[0],
        eval_dataset=encoded[1],
        processing_class=tokenizer,
        data_collator=DataCollatorForMultipleChoice(tokenizer, pad_to_multiple_of=8),
        compute_metrics=accuracy,
    )


class Tensors(TorchDataset[dict[str, torch.Tensor]]):
    """Rows of torch, padded to one length when they are tokenized."""

    def __init__(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> None:
        contexts = [context for context in rows["sent1"] for _ in ENDINGS]
        seconds = [f"{row['sent2']} {row[name]}" for row in rows for name in ENDINGS]
        flat = tokenizer(contexts, seconds, padding="max_length", truncation=True, max_length=40, return_tensors="pt")
        self.columns = {key: value.view(len(rows), len(ENDINGS), -1) for key, value in flat.items()}
        self.labels = torch.tensor(rows["label"])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {**{key: value[index] for key, value in self.columns.items()}, "labels": self.labels[index]}


def of_tensors() -> Trainer:
    """A data set of torch, padded beforehand, with an optimizer and a schedule that the user made."""
    train, validation = splits()
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    model = AutoModelForMultipleChoice.from_pretrained(CHECKPOINT)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule: Any = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.1, total_iters=50)
    return Trainer(
        model=model,
        args=arguments(),
        train_dataset=Tensors(train, tokenizer),
        eval_dataset=Tensors(validation, tokenizer),
        data_collator=default_data_collator,
        processing_class=tokenizer,
        compute_metrics=accuracy,
        optimizers=(optimizer, schedule),
    )


def of_three_choices() -> Trainer:
    """One wrong ending is left out, context and choice are one text, batches are accumulated, model_init makes it."""
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)

    def shorter(row: dict[str, Any]) -> dict[str, Any]:
        leave_out = next(place for place in (3, 2) if place != row["label"])
        choices = [row[name] for place, name in enumerate(ENDINGS) if place != leave_out]
        question = f"{row['sent1']} {row['sent2']}"
        made = tokenizer([f"{question} {choice}" for choice in choices], return_token_type_ids=False)
        return {
            "question": question,
            "choices": choices,
            "label": row["label"] - (leave_out < row["label"]),
            **made,
        }

    train, validation = (rows.map(shorter, remove_columns=["sent1", "sent2", *ENDINGS, "idx"]) for rows in splits())
    return Trainer(
        model_init=lambda: AutoModelForMultipleChoice.from_pretrained(CHECKPOINT),
        args=arguments(per_device_train_batch_size=8, gradient_accumulation_steps=2, num_train_epochs=3),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        data_collator=DataCollatorForMultipleChoice(tokenizer),
        compute_metrics=accuracy,
    )
