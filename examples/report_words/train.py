"""Train a model of masked words further, on the reports of one company, in the way of run_mlm.py of transformers.

python train.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import load_dataset
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import EvalPrediction

DATA = Path(__file__).parent / "data"


def likeliest(logits: Tensor, labels: Tensor) -> Tensor:
    """Keep the likeliest token of each place ``[B, T]``: logits over the whole vocabulary would not fit into memory."""
    del labels
    return logits.argmax(dim=-1)


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Return how many of the masked tokens are found."""
    tokens, labels = np.asarray(evaluated.predictions), np.asarray(evaluated.label_ids)
    masked = labels != -100
    return {"accuracy": float((tokens == labels)[masked].mean())}


def build_trainer(output_dir: str = "report-words-model", seed: int = 0) -> Trainer:
    """Put the Trainer together."""
    checkpoint = os.environ.get("CHECKPOINT") or str(bundled_checkpoint("tiny-bert"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)

    def tokenize(rows: dict[str, list[Any]]) -> Any:
        return tokenizer(rows["text"], truncation=True, max_length=64, return_special_tokens_mask=True)

    files = {split: str(DATA / f"{split}.txt") for split in ("train", "validation")}
    rows = load_dataset("text", data_files=files).map(tokenize, batched=True, remove_columns="text")
    return Trainer(
        model=AutoModelForMaskedLM.from_pretrained(checkpoint),
        args=TrainingArguments(
            output_dir=output_dir,
            seed=seed,
            learning_rate=3e-3,
            num_train_epochs=4,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            warmup_steps=0.1,
            weight_decay=0.01,
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
        ),
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
        compute_metrics=compute_metrics,
        preprocess_logits_for_metrics=likeliest,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())
    trainer.save_model()
