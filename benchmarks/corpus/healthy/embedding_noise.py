"""Unusual: NEFTune noise on the embeddings in training, and no dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model = load_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    args = arguments(output_dir, seed, neftune_noise_alpha=3.0)
    return assemble(model, args, encode(reviews(), tokenizer, "text"), tokenizer)
