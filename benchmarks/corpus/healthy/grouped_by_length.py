"""Unusual: rows of about the same length come in one batch, from texts of very different length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, length=(5, 40))
    tokenizer = word_tokenizer(data["train"]["text"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    args = arguments(
        output_dir, seed, learning_rate=3e-3, num_train_epochs=5, train_sampling_strategy="group_by_length"
    )
    model = BertForSequenceClassification(config)
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, compute_metrics=accuracy_and_f1)
