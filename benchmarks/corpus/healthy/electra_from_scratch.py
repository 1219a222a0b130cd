"""Unusual: an ELECTRA from scratch: embeddings are narrower than the layers, which begin with a projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import ElectraConfig, ElectraForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(5, train=900, validation=300, seed=401)
    tokenizer = word_tokenizer(data["train"]["text"])
    config = ElectraConfig(
        vocab_size=len(tokenizer),
        embedding_size=32,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    return assemble(
        ElectraForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=6),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
