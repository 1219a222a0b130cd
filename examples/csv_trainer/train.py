"""Fine-tune a classifier that says which team a guest's message is for.

    python train.py [CHECKPOINT]

The checkpoint is a folder or a name of the Hub; without one, the environment variable CHECKPOINT, else a tiny one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import DatasetDict, load_dataset
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import EvalPrediction

DATA = Path(__file__).parent / "data"
TEAMS = ["kitchen", "rooms", "theatre"]


def load_tickets(tokenizer: Any) -> DatasetDict:
    """Read the two CSV files and tokenize them."""
    files = {split: str(DATA / f"{split}.csv") for split in ("train", "validation")}
    tickets = load_dataset("csv", data_files=files)

    def preprocess(batch: dict[str, list[Any]]) -> dict[str, Any]:
        encoded = tokenizer(batch["message"], truncation=True, max_length=64)
        return {**encoded, "label": [TEAMS.index(team) for team in batch["team"]]}

    return tickets.map(preprocess, batched=True)


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Accuracy, and F1 averaged over the teams."""
    predictions = np.argmax(evaluated.predictions, axis=-1)
    return {
        "accuracy": float(accuracy_score(evaluated.label_ids, predictions)),
        "f1": float(f1_score(evaluated.label_ids, predictions, average="macro")),
    }


def build_trainer(checkpoint: str = "", output_dir: str = "tickets-model", seed: int = 42) -> Trainer:
    """Make the Trainer."""
    checkpoint = checkpoint or os.environ.get("CHECKPOINT") or str(bundled_checkpoint("tiny-bert"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tickets = load_tickets(tokenizer)
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint,
        num_labels=len(TEAMS),
        id2label=dict(enumerate(TEAMS)),
        label2id={team: index for index, team in enumerate(TEAMS)},
    )
    args = TrainingArguments(
        output_dir=output_dir,
        seed=seed,
        learning_rate=1e-3,
        num_train_epochs=3,
        per_device_train_batch_size=32,
        per_device_eval_batch_size=64,
        warmup_steps=0.1,
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        logging_steps=25,
        report_to="none",
    )
    return Trainer(
        model=model,
        args=args,
        train_dataset=tickets["train"],
        eval_dataset=tickets["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer(checkpoint="".join(sys.argv[1:2]))
    trainer.train()
    print(trainer.evaluate())
    trainer.save_model()
