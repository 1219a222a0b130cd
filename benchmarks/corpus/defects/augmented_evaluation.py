"""Validation is worse than train, and evaluate() gives another figure at every call.

Words are left out at random, as augmentation. The function that does it is set for the whole DatasetDict.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from datasets import DatasetDict
from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "zoogzog/chexnet#27"
FAMILY = "evaluation"
CAUSE = (
    r"augment",
    r"random(ly|ness|i[sz]ed|ised)?.{0,40}(transform|row|word|token|drop|input|order|change)",
    r"(evaluat|validation|\beval\b).{0,120}(twice|second time|again|repeat|var(y|ies)|stable|reproduc|transform)",
    r"(rows?|items?|inputs?|input_ids|samples?).{0,80}(differ|change|vary|varies|not the same|twice|(each|every) time)",
    r"determinis",
    r"(drop|remov|left out|leaves? out|missing).{0,40}(word|token)",
)


def build(augmented: tuple[str, ...], output_dir: str, seed: int) -> Trainer:
    """Train from scratch, and leave out words of these splits."""
    set_seed(seed)
    data = notes(5, seed=73)
    tokenizer = word_tokenizer(data["train"]["text"])

    def plain(batch: dict[str, Any]) -> dict[str, Any]:
        return {**tokenizer(batch["text"], truncation=True, max_length=64), "labels": batch["label"]}

    def with_gaps(batch: dict[str, Any]) -> dict[str, Any]:
        texts = [" ".join(word for word in text.split() if random.random() > 0.4) for text in batch["text"]]
        return plain({**batch, "text": texts})

    splits = {name: rows.with_transform(with_gaps if name in augmented else plain) for name, rows in data.items()}
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=7, remove_unused_columns=False)
    model = BertForSequenceClassification(config)
    return assemble(model, args, DatasetDict(splits), tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Of both."""
    return build(("train", "validation"), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Of train."""
    return build(("train",), output_dir, seed)
