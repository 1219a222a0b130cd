"""Fine-tune on classes of unequal size: a Trainer with class weights, judged by macro F1."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import train_test_split
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import EvalPrediction

LABELS = ["praise", "mixed", "complaint"]
DATA = Path(__file__).parent / "data" / "feedback.csv"


class PadToEight:
    """Pad `[B, T]` to a multiple of eight tokens; other columns are left out."""

    def __init__(self, tokenizer: Any) -> None:
        """Keep the tokenizer, which knows how to pad."""
        self.tokenizer = tokenizer

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Make a batch from rows."""
        names = self.tokenizer.model_input_names
        rows = [{name: feature[name] for name in names} for feature in features]
        batch = self.tokenizer.pad(rows, pad_to_multiple_of=8, return_tensors="pt")
        return {**batch, "labels": torch.tensor([feature["labels"] for feature in features])}


class WeightedTrainer(Trainer):
    """A Trainer whose loss gives all classes equal weight."""

    def __init__(self, *args: Any, class_weights: torch.Tensor, **kwargs: Any) -> None:
        """Keep the weights `[K]`, float32."""
        super().__init__(*args, **kwargs)
        self.class_weights = class_weights

    def compute_loss(  # type: ignore[override]  # `**_` takes num_items_in_batch, which Trainer names and this loss needs not
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002 - as the Trainer calls it
        **_: Any,
    ) -> Any:
        """Cross entropy with a weight for each class."""
        outputs = model(**inputs)
        loss = cross_entropy(outputs.logits, inputs["labels"], weight=self.class_weights.to(outputs.logits.device))
        return (loss, outputs) if return_outputs else loss


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Return F1 averaged over the classes, and how many complaints are found."""
    predictions, labels = np.argmax(evaluated.predictions, axis=-1), np.asarray(evaluated.label_ids)
    complaint = LABELS.index("complaint")
    return {
        "macro_f1": float(f1_score(labels, predictions, average="macro")),
        "complaints_found": float(recall_score(labels == complaint, predictions == complaint)),
    }


def build_trainer(output_dir: str = "feedback-model", seed: int = 0) -> WeightedTrainer:
    """Make the Trainer."""
    checkpoint = os.environ.get("CHECKPOINT") or str(bundled_checkpoint("tiny-bert"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    table = pd.read_csv(DATA)
    table["labels"] = table["feeling"].map(LABELS.index)
    # The split does not follow the seed of training: the same rows are judged every time.
    train, evaluation = train_test_split(table, test_size=0.25, stratify=table["labels"], random_state=0)
    counts = np.bincount(train["labels"], minlength=len(LABELS))

    def tokenize(rows: pd.DataFrame) -> Dataset:
        dataset = Dataset.from_pandas(rows, preserve_index=False)
        return dataset.map(lambda batch: tokenizer(batch["text"], truncation=True, max_length=64), batched=True)

    return WeightedTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(
            checkpoint,
            num_labels=len(LABELS),
            id2label=dict(enumerate(LABELS)),
            label2id={n: i for i, n in enumerate(LABELS)},
        ),
        args=TrainingArguments(
            output_dir=output_dir,
            seed=seed,
            learning_rate=1e-3,
            num_train_epochs=3,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            lr_scheduler_type="cosine",
            warmup_steps=0.1,
            weight_decay=0.01,
            eval_strategy="epoch",
            save_strategy="epoch",
            metric_for_best_model="macro_f1",
            load_best_model_at_end=True,
            report_to="none",
        ),
        train_dataset=tokenize(train),
        eval_dataset=tokenize(evaluation),
        processing_class=tokenizer,
        data_collator=PadToEight(tokenizer),
        compute_metrics=compute_metrics,
        class_weights=torch.tensor(len(train) / (len(LABELS) * counts), dtype=torch.float32),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())
    trainer.save_model()
