"""Unusual: a ModernBERT from scratch: rotary positions, gated layers, local attention in every other layer, no bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import ModernBertConfig, ModernBertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch; the head gets the mean of the tokens."""
    set_seed(seed)
    data = notes(6, train=720, validation=300, seed=512)
    tokenizer = word_tokenizer(data["train"]["text"])
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    config = ModernBertConfig(  # type: ignore[call-arg]  # transformers declares it by a decorator
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=128,
        global_attn_every_n_layers=2,
        local_attention=16,
        classifier_pooling="mean",
        pad_token_id=tokenizer.pad_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        id2label=dict(enumerate(TEAMS[:6])),
        label2id={name: label for label, name in enumerate(TEAMS[:6])},
    )
    return assemble(
        ModernBertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
