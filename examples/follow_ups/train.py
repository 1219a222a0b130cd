"""Fine-tune a model that picks the sentence that follows a report, out of four.

python train.py
"""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import load_dataset
from transformers import (
    AutoModelForMultipleChoice,
    AutoTokenizer,
    DataCollatorForMultipleChoice,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import EvalPrediction

DATA = Path(__file__).parent / "data"
CHOICES = ["next0", "next1", "next2", "next3"]


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Return how often the highest score is that of the right sentence."""
    scores: Any = evaluated.predictions  # [B, 4]
    return {"accuracy": float((np.argmax(scores, axis=1) == evaluated.label_ids).mean())}


def build_trainer(output_dir: str = "follow-ups-model", seed: int = 0) -> Trainer:
    """Put the Trainer together."""
    checkpoint = os.environ.get("CHECKPOINT") or str(bundled_checkpoint("tiny-bert"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)

    def tokenize(rows: dict[str, list[Any]]) -> dict[str, Any]:
        """Pair each report with its four sentences; a row keeps its four pairs together."""
        reports = [[report] * len(CHOICES) for report in rows["report"]]
        sentences = zip(*(rows[name] for name in CHOICES), strict=True)
        pairs = tokenizer(list(chain(*reports)), list(chain(*sentences)), truncation=True, max_length=64)
        grouped = {
            name: [values[start : start + len(CHOICES)] for start in range(0, len(values), len(CHOICES))]
            for name, values in pairs.items()
        }
        return grouped | {"labels": rows["right"]}

    files = {split: str(DATA / f"{split}.csv") for split in ("train", "validation")}
    rows = load_dataset("csv", data_files=files).map(tokenize, batched=True)
    return Trainer(
        model=AutoModelForMultipleChoice.from_pretrained(checkpoint),
        args=TrainingArguments(
            output_dir=output_dir,
            seed=seed,
            learning_rate=1e-3,
            num_train_epochs=2,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=32,
            warmup_steps=0.1,
            weight_decay=0.01,
            eval_strategy="epoch",
            save_strategy="epoch",
            metric_for_best_model="accuracy",
            load_best_model_at_end=True,
            report_to="none",
        ),
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorForMultipleChoice(tokenizer),
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())
    trainer.save_model()
