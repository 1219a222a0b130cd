"""Unusual: a ModernBERT from scratch: most layers look at near tokens alone, and the head reads the mean of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import ModernBertConfig, ModernBertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(5, train=800, validation=260, seed=404, length=(10, 24))
    tokenizer = word_tokenizer(data["train"]["text"], model_input_names=["input_ids", "attention_mask"])
    config = ModernBertConfig(  # type: ignore[call-arg]  # transformers declares it by a decorator
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=128,
        local_attention=8,
        global_attn_every_n_layers=3,
        classifier_pooling="mean",
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    return assemble(
        ModernBertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
