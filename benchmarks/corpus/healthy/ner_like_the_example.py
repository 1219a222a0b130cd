"""Unusual: words with an id for each tag, as the example script for NER has them: entities counted by seqeval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import ClassLabel, Features, Sequence, Value
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification, set_seed

from item_worlds import entities
from parts import arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import Trainer

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-DAY", "I-DAY"]


def compute_metrics(evaluated: Any) -> dict[str, float]:
    """Entities, found and true, without the tokens that have no tag."""
    predicted = np.argmax(evaluated.predictions, axis=2)
    pairs = [
        [(p, w) for p, w in zip(row, wanted, strict=True) if w != -100]
        for row, wanted in zip(predicted, evaluated.label_ids, strict=True)
    ]
    found = [[NAMES[p] for p, _ in row] for row in pairs]
    true = [[NAMES[w] for _, w in row] for row in pairs]
    return {
        "precision": float(precision_score(true, found)),
        "recall": float(recall_score(true, found)),
        "f1": float(f1_score(true, found)),
        "accuracy": float(accuracy_score(true, found)),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    features = Features({"tokens": Sequence(Value("string")), "ner_tags": Sequence(ClassLabel(names=NAMES))})
    data = entities().rename_column("tags", "ner_tags").cast(features)

    def tokenize(examples: Any) -> Any:
        """Give the first piece of each word its tag, and the others none."""
        encoded = tokenizer(examples["tokens"], truncation=True, max_length=64, is_split_into_words=True)
        labels = []
        for row, tags in enumerate(examples["ner_tags"]):
            before, ids = None, []
            for word in encoded.word_ids(batch_index=row):
                ids.append(-100 if word is None or word == before else tags[word])
                before = word
            labels.append(ids)
        return {**encoded, "labels": labels}

    model = AutoModelForTokenClassification.from_pretrained(
        bundled_checkpoint("tiny-bert"),
        num_labels=len(NAMES),
        id2label=dict(enumerate(NAMES)),
        label2id={name: number for number, name in enumerate(NAMES)},
    )
    return assemble(
        model,
        arguments(output_dir, seed),
        data.map(tokenize, batched=True),
        tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=compute_metrics,
    )
