"""Unusual: parts of speech: every word has a tag and none is O; a BERT from scratch, words as tokens, Adafactor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import BertConfig, BertForTokenClassification, DataCollatorForTokenClassification, set_seed

from item_worlds import parts_of_speech
from parts import arguments, assemble, word_tokenizer

if TYPE_CHECKING:
    from transformers import Trainer


def accuracy(evaluated: Any) -> dict[str, float]:
    """Share of words with the right tag."""
    told = evaluated.label_ids != -100
    return {"accuracy": float((np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids)[told].mean())}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = parts_of_speech()
    tokenizer = word_tokenizer(" ".join(row) for split in data.values() for row in split["tokens"])
    kinds = sorted({kind for row in data["train"]["pos"] for kind in row})

    def encode(row: Any) -> Any:
        """One id for each word."""
        encoded = tokenizer(row["tokens"], is_split_into_words=True)
        return {**encoded, "labels": [-100, *(kinds.index(kind) for kind in row["pos"]), -100]}

    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(kinds)),
        label2id={kind: number for number, kind in enumerate(kinds)},
    )
    args = arguments(output_dir, seed, optim="adafactor", learning_rate=3e-3, metric_for_best_model="accuracy")
    return assemble(
        BertForTokenClassification(config),
        args,
        data.map(encode),
        tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=accuracy,
    )
