"""Fine-tune a model that chooses how a story goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import load_dataset
from transformers import (
    AutoModelForMultipleChoice,
    AutoTokenizer,
    DataCollatorForMultipleChoice,
    EvalPrediction,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint, fixtures_folder

CHECKPOINT = str(bundled_checkpoint("tiny-bert"))
DATA = fixtures_folder() / "data" / "swag"
ENDINGS = [f"ending{place}" for place in range(4)]


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Return the share of stories with the right ending."""
    return {"accuracy": float((np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids).mean())}


def build_trainer() -> Trainer:
    """Put the Trainer together."""
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)

    def tokenize(rows: dict[str, list[Any]]) -> dict[str, Any]:
        stories = [story for story in rows["sent1"] for _ in ENDINGS]
        endings = [f"{start} {rows[name][row]}" for row, start in enumerate(rows["sent2"]) for name in ENDINGS]
        encoded = tokenizer(stories, endings, truncation=True, max_length=64)
        return {key: [values[at : at + 4] for at in range(0, len(values), 4)] for key, values in encoded.items()}

    files = {split: f"{DATA}/{split}.jsonl" for split in ("train", "validation")}
    data = load_dataset("json", data_files=files).map(tokenize, batched=True)
    return Trainer(
        model=AutoModelForMultipleChoice.from_pretrained(CHECKPOINT),
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
        data_collator=DataCollatorForMultipleChoice(tokenizer),
        compute_metrics=compute_metrics,
    )
