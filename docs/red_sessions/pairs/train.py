"""Fine-tune a model that says whether two sentences mean the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import load_dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint, fixtures_folder

CHECKPOINT = str(bundled_checkpoint("tiny-bert"))
DATA = fixtures_folder() / "data" / "mrpc"


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Return the share of pairs that are right."""
    return {"accuracy": float((np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids).mean())}


def build_trainer() -> Trainer:
    """Put the Trainer together."""
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)

    def tokenize(rows: dict[str, list[Any]]) -> Any:
        return tokenizer(rows["sentence1"], rows["sentence2"], truncation=True, max_length=64)

    files = {split: f"{DATA}/{split}.jsonl" for split in ("train", "validation")}
    data = load_dataset("json", data_files=files).map(tokenize, batched=True)
    return Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(
            CHECKPOINT, id2label={0: "different", 1: "same"}, label2id={"different": 0, "same": 1}
        ),
        args=TrainingArguments(
            output_dir="out",
            learning_rate=1e-3,
            num_train_epochs=2,
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
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=compute_metrics,
    )
