"""Five healthy Trainers of masked language modelling, as users have them: over the bundled rows of wikitext."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import torch
from datasets import Dataset, load_dataset
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint, bundled_data

CHECKPOINT = str(bundled_checkpoint("tiny-bert"))


def splits() -> tuple[Dataset, Dataset]:
    folder = bundled_data("wikitext")
    files = {"train": f"{folder}/train.jsonl", "validation": f"{folder}/validation.jsonl"}
    loaded: Any = load_dataset("json", data_files=files)
    return loaded["train"], loaded["validation"]


def tokenizer_of(checkpoint: str = CHECKPOINT) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(checkpoint)
    return tokenizer


def arguments(**changes: Any) -> TrainingArguments:
    chosen: dict[str, Any] = {
        "output_dir": "masked-out",
        "learning_rate": 3e-3,
        "num_train_epochs": 3,
        "per_device_train_batch_size": 16,
        "per_device_eval_batch_size": 32,
        "warmup_steps": 0.1,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
    }
    return TrainingArguments(**chosen | changes)


def lines(tokenizer: Any, **options: Any) -> list[Dataset]:
    return [
        rows.map(lambda batch: tokenizer(batch["text"], truncation=True, max_length=64, **options), batched=True)
        for rows in splits()
    ]


def argmax(logits: Any, labels: Any) -> Any:
    del labels
    return (logits[0] if isinstance(logits, tuple) else logits).argmax(dim=-1)


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    predictions, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    masked = labels != -100
    return {"accuracy": float((predictions[masked] == labels[masked]).mean())}


def line_by_line() -> Trainer:
    """Lines as they are, their texts kept; no metrics but the loss."""
    tokenizer = tokenizer_of()
    train, validation = lines(tokenizer)
    return Trainer(
        model=AutoModelForMaskedLM.from_pretrained(CHECKPOINT),
        args=arguments(),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
    )


def in_the_style_of_the_example() -> Trainer:
    """Lines are joined and cut into blocks, and the accuracy is of the likeliest tokens, as in run_mlm.py."""
    tokenizer, size = tokenizer_of(), 64

    def blocks(batch: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        joined = {name: list(chain.from_iterable(rows)) for name, rows in batch.items()}
        total = len(joined["input_ids"]) // size * size
        return {name: [row[at : at + size] for at in range(0, total, size)] for name, row in joined.items()}

    train, validation = (
        rows.remove_columns("text").map(blocks, batched=True)
        for rows in lines(tokenizer, return_special_tokens_mask=True)
    )
    return Trainer(
        model=AutoModelForMaskedLM.from_pretrained(CHECKPOINT),
        args=arguments(),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
        compute_metrics=accuracy,
        preprocess_logits_for_metrics=argmax,
    )


def whole_words() -> Trainer:
    """Whole words are masked, and the texts are not kept."""
    tokenizer = tokenizer_of()
    # The collator tells words apart by the characters that tokens are of, which it cannot pad.
    options = {"return_offsets_mapping": True, "padding": "max_length"}
    train, validation = (rows.remove_columns("text") for rows in lines(tokenizer, **options))
    return Trainer(
        model=AutoModelForMaskedLM.from_pretrained(CHECKPOINT),
        args=arguments(remove_unused_columns=False),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        data_collator=DataCollatorForLanguageModeling(
            tokenizer, mlm_probability=0.2, whole_word_mask=True, mask_replace_prob=1.0, random_replace_prob=0.0
        ),
    )


class _AlwaysTheMaskToken:
    """Pads and masks in a way of its own: two tokens in five, all of them shown as the mask token."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        kept = [{name: row[name] for name in ("input_ids", "attention_mask")} for row in features]
        batch = dict(self.tokenizer.pad(kept, return_tensors="pt"))
        ids = batch["input_ids"]
        special = torch.isin(ids, torch.tensor(self.tokenizer.all_special_ids))
        drawn = (torch.rand(ids.shape) < 0.4) & ~special
        batch["labels"] = torch.where(drawn, ids, -100)
        batch["input_ids"] = torch.where(drawn, self.tokenizer.mask_token_id, ids)
        return batch


def own_collator() -> Trainer:
    """Another architecture, a collator and an optimizer of the user's own."""
    checkpoint = str(bundled_checkpoint("tiny-distilbert"))
    tokenizer = tokenizer_of(checkpoint)
    train, validation = lines(tokenizer)
    return Trainer(
        model=AutoModelForMaskedLM.from_pretrained(checkpoint),
        args=arguments(optim="adafactor", lr_scheduler_type="cosine"),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        data_collator=_AlwaysTheMaskToken(tokenizer),
    )


class _Fixed:
    """Pads rows whose masks were drawn when they were made, and masks all others."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.masking = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        if "labels" not in features[0]:
            return dict(self.masking(features))
        width = max(len(row["input_ids"]) for row in features)
        plain = [{name: row[name] for name in ("input_ids", "attention_mask")} for row in features]
        batch = dict(self.tokenizer.pad(plain, return_tensors="pt"))
        batch["labels"] = torch.tensor([row["labels"] + [-100] * (width - len(row["labels"])) for row in features])
        return batch


def evaluation_masked_once() -> Trainer:
    """The evaluation rows are masked once, when they are tokenized; their texts go away."""
    tokenizer = tokenizer_of()
    train, validation = (rows.remove_columns("text") for rows in lines(tokenizer))
    torch.manual_seed(0)
    masking = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)

    def masked(row: dict[str, Any]) -> dict[str, Any]:
        batch = masking([{"input_ids": row["input_ids"]}])
        return {"input_ids": batch["input_ids"][0].tolist(), "labels": batch["labels"][0].tolist()}

    return Trainer(
        model=AutoModelForMaskedLM.from_pretrained(CHECKPOINT),
        args=arguments(),
        train_dataset=train,
        eval_dataset=validation.map(masked),
        processing_class=tokenizer,
        data_collator=_Fixed(tokenizer),
    )
