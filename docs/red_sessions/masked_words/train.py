"""Train a model that fills in masked words, with a collator of our own."""

from __future__ import annotations

from typing import Any

import torch
from datasets import load_dataset
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint, fixtures_folder

CHECKPOINT = str(bundled_checkpoint("tiny-bert"))
DATA = fixtures_folder() / "data" / "wikitext"


class MasksWords:
    """Pads rows, and replaces two tokens in ten by the mask token."""

    def __init__(self, tokenizer: Any) -> None:
        """Keep the tokenizer, which knows how to pad."""
        self.tokenizer = tokenizer

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch from rows."""
        rows = [{name: row[name] for name in ("input_ids", "attention_mask")} for row in features]
        batch = dict(self.tokenizer.pad(rows, return_tensors="pt"))
        tokens = batch["input_ids"]
        special = torch.isin(tokens, torch.tensor(self.tokenizer.all_special_ids))
        masked = (torch.rand(tokens.shape) < 0.2) & ~special
        batch["labels"] = torch.where(masked, tokens, -100)
        batch["input_ids"] = torch.where(masked, self.tokenizer.mask_token_id, tokens)
        return batch


def build_trainer() -> Trainer:
    """Put the Trainer together."""
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    files = {split: f"{DATA}/{split}.jsonl" for split in ("train", "validation")}
    data = load_dataset("json", data_files=files).map(
        lambda rows: tokenizer(rows["text"], truncation=True, max_length=64), batched=True
    )
    return Trainer(
        model=AutoModelForMaskedLM.from_pretrained(CHECKPOINT),
        args=TrainingArguments(
            output_dir="out",
            learning_rate=3e-3,
            num_train_epochs=3,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            warmup_steps=0.1,
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
        ),
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
        data_collator=MasksWords(tokenizer),
    )
