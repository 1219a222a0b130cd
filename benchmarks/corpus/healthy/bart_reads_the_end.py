"""Unusual: a BART from scratch: encoder and decoder read the text, and the state at its end token is classified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import BartConfig, BartForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, train=800, validation=260, seed=419)
    tokenizer = word_tokenizer(data["train"]["text"], model_input_names=["input_ids", "attention_mask"])
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=64,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        decoder_start_token_id=tokenizer.sep_token_id,
        forced_eos_token_id=None,
        use_cache=False,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    tokenizer.eos_token = tokenizer.sep_token
    return assemble(
        BartForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=6, prediction_loss_only=False),
        encode(data, tokenizer, "text"),
        tokenizer,
        preprocess_logits_for_metrics=lambda logits, _: logits[0] if isinstance(logits, tuple) else logits,
        compute_metrics=accuracy_and_f1,
    )
