"""Unusual: a RoBERTa from scratch: positions start after the pad id, and there are no segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import RobertaConfig, RobertaForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(5, seed=72)
    tokenizer = word_tokenizer(data["train"]["text"], model_input_names=["input_ids", "attention_mask"])
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=130,
        type_vocab_size=1,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5)
    model = RobertaForSequenceClassification(config)
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, compute_metrics=accuracy_and_f1)
