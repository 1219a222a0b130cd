"""Fine-tune a model that tags people, places and days, as the example script of transformers for NER does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import load_dataset
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import EvalPrediction

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-DATE"]
IDS = {tag: number for number, tag in enumerate(TAGS)}
DATA = Path(__file__).parent / "data"


def tokenize_and_align(batch: dict[str, list[Any]], tokenizer: Any) -> Any:
    """Tokenize words; the first token of a word has its tag, the others have -100, which the loss ignores."""
    encoded = tokenizer(batch["tokens"], is_split_into_words=True, truncation=True, max_length=64)
    encoded["labels"] = []
    for row, tags in enumerate(batch["ner_tags"]):
        words = encoded.word_ids(row)
        firsts = [word is not None and word != before for word, before in zip(words, [None, *words], strict=False)]
        encoded["labels"].append(
            [IDS[tags[word]] if first else -100 for word, first in zip(words, firsts, strict=True)]
        )
    return encoded


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Return precision, recall and F1 of entities, and the accuracy of words."""
    predicted = np.argmax(evaluated.predictions, axis=-1)
    labels = np.asarray(evaluated.label_ids)
    true = [[TAGS[label] for label in row if label != -100] for row in labels]
    found = [[TAGS[tag] for tag in row[kept]] for row, kept in zip(predicted, labels != -100, strict=True)]
    return {
        "precision": float(precision_score(true, found)),
        "recall": float(recall_score(true, found)),
        "f1": float(f1_score(true, found)),
        "accuracy": float(accuracy_score(true, found)),
    }


def build_trainer(output_dir: str = "entities-model", seed: int = 0) -> Trainer:
    """Put the Trainer together."""
    checkpoint = os.environ.get("CHECKPOINT") or str(bundled_checkpoint("tiny-bert"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    raw = load_dataset("json", data_files={split: str(DATA / f"{split}.jsonl") for split in ("train", "validation")})
    data = raw.map(tokenize_and_align, batched=True, fn_kwargs={"tokenizer": tokenizer})
    return Trainer(
        model=AutoModelForTokenClassification.from_pretrained(
            checkpoint, num_labels=len(TAGS), id2label=dict(enumerate(TAGS)), label2id=IDS
        ),
        args=TrainingArguments(
            output_dir=output_dir,
            seed=seed,
            learning_rate=1e-3,
            num_train_epochs=3,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            warmup_steps=0.1,
            weight_decay=0.01,
            eval_strategy="epoch",
            save_strategy="epoch",
            metric_for_best_model="f1",
            load_best_model_at_end=True,
            report_to="none",
        ),
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())
    trainer.save_model()
