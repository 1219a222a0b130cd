"""Unusual: a DeBERTa from scratch: positions are relative, and attention is made of contents and positions apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import DebertaV2Config, DebertaV2ForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, train=800, validation=280, seed=402)
    tokenizer = word_tokenizer(data["train"]["text"])
    config = DebertaV2Config(  # type: ignore[call-arg]  # transformers declares it by a decorator
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        relative_attention=True,
        position_buckets=16,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        position_biased_input=False,
        type_vocab_size=0,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    return assemble(
        DebertaV2ForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
