"""What a user would write instead: fine-tune the bundled checkpoint on the bundled MRPC, evaluate once. No checks.

The hyperparameters are those of the card's recipe for tier tiny.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import evaluate
import numpy as np
import torch
from datasets import load_dataset
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainingArguments,
)

FIXTURES = Path(__file__).parents[1] / "fixtures"


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Score the predictions as GLUE does."""
    predicted = np.argmax(evaluated.predictions, axis=-1)
    labels = evaluated.label_ids
    return {"accuracy": accuracy_score(labels, predicted), "f1": f1_score(labels, predicted)}


def main(threads: int) -> None:
    """Train and evaluate."""
    torch.set_num_threads(threads)
    data, checkpoint = FIXTURES / "data" / "mrpc", FIXTURES / "checkpoints" / "tiny-bert"
    files = {split: str(next(data.glob(f"{split}.*"))) for split in ("train", "validation")}
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        rows = load_dataset("json", data_files=files, cache_dir=folder).map(
            lambda batch: tokenizer(batch["sentence1"], batch["sentence2"], truncation=True, max_length=64),
            batched=True,
        )
        trainer = Trainer(
            model=AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=2),
            args=TrainingArguments(
                output_dir=folder,
                learning_rate=0.0007,
                num_train_epochs=2,
                per_device_train_batch_size=32,
                per_device_eval_batch_size=64,
                weight_decay=0.01,
                warmup_steps=0.1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
                dataloader_pin_memory=False,
            ),
            data_collator=DataCollatorWithPadding(tokenizer),
            train_dataset=rows["train"],
            eval_dataset=rows["validation"],
            compute_metrics=compute_metrics,
        )
        trainer.train()
        print(f"evaluate {evaluate.__version__}", trainer.evaluate())


if __name__ == "__main__":
    main(int(sys.argv[1]))
