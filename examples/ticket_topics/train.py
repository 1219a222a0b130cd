"""Fine-tune a model that names all topics of a message: binary cross entropy in which rare topics weigh more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from sklearn.metrics import f1_score
from torch.nn.functional import binary_cross_entropy_with_logits
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

TOPICS = ["delivery", "furniture", "clothes", "food"]
DATA = Path(__file__).parent / "data" / "tickets.csv"
TRAIN_ROWS = 650


class TopicTrainer(Trainer):
    """Weighs the messages that are about a topic by how rare they are."""

    def __init__(self, *args: Any, pos_weight: torch.Tensor, **kwargs: Any) -> None:
        """Keep the weights `[K]`, float32."""
        super().__init__(*args, **kwargs)
        self.pos_weight = pos_weight

    def compute_loss(  # type: ignore[override]  # `**_` takes num_items_in_batch, which Trainer names and this loss does not need
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002 - as the Trainer calls it
        **_: Any,
    ) -> Any:
        """Binary cross entropy of every topic of every message."""
        outputs = model(**inputs)
        weight = self.pos_weight.to(outputs.logits.device)
        loss = binary_cross_entropy_with_logits(outputs.logits, inputs["labels"], pos_weight=weight)
        return (loss, outputs) if return_outputs else loss


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Return F1 over all topics, F1 averaged over them, and the share of messages with all topics right."""
    predictions, labels = np.asarray(evaluated.predictions) > 0, np.asarray(evaluated.label_ids) > 0.5
    return {
        "f1_micro": float(f1_score(labels, predictions, average="micro")),
        "f1_macro": float(f1_score(labels, predictions, average="macro")),
        "subset_accuracy": float(np.mean(np.all(labels == predictions, axis=1))),
    }


def build_trainer(output_dir: str = "topics-model", seed: int = 0) -> TopicTrainer:
    """Put the Trainer together."""
    checkpoint = os.environ.get("CHECKPOINT") or str(bundled_checkpoint("tiny-bert"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    table = pd.read_csv(DATA)
    table["labels"] = table[TOPICS].astype(float).to_numpy().tolist()
    train, evaluation = table[:TRAIN_ROWS], table[TRAIN_ROWS:]
    positive = train[TOPICS].sum().to_numpy()

    def tokenize(rows: pd.DataFrame) -> Dataset:
        dataset = Dataset.from_pandas(rows[["text", "labels"]], preserve_index=False)
        return dataset.map(lambda batch: tokenizer(batch["text"], truncation=True, max_length=64), batched=True)

    return TopicTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(
            checkpoint,
            num_labels=len(TOPICS),
            id2label=dict(enumerate(TOPICS)),
            label2id={n: i for i, n in enumerate(TOPICS)},
            problem_type="multi_label_classification",
        ),
        args=TrainingArguments(
            output_dir=output_dir,
            seed=seed,
            learning_rate=1e-3,
            num_train_epochs=4,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            warmup_steps=0.1,
            weight_decay=0.01,
            eval_strategy="epoch",
            save_strategy="epoch",
            metric_for_best_model="f1_micro",
            load_best_model_at_end=True,
            report_to="none",
        ),
        train_dataset=tokenize(train),
        eval_dataset=tokenize(evaluation),
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=compute_metrics,
        pos_weight=torch.tensor((len(train) - positive) / positive, dtype=torch.float32),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())
    trainer.save_model()
