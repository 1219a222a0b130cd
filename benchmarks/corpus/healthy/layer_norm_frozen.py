"""Unusual: gains and biases of LayerNorm are frozen on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model: Any = load_model()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "LayerNorm" not in name
    return assemble(model, arguments(output_dir, seed), encode(reviews(), tokenizer, "text"), tokenizer)
