"""Unusual: a Llama from scratch: rotary positions, grouped keys and values, a classifier on the last token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import LlamaConfig, LlamaForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(6, train=900, validation=300, seed=403, length=(8, 20))
    tokenizer = word_tokenizer(data["train"]["text"], model_input_names=["input_ids", "attention_mask"])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=None,
        use_cache=False,
        id2label=dict(enumerate(TEAMS[:6])),
        label2id={name: label for label, name in enumerate(TEAMS[:6])},
    )
    return assemble(
        LlamaForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
