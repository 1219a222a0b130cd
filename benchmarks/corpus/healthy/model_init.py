"""Unusual: the Trainer gets model_init instead of a model."""

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
    data = encode(reviews(), tokenizer, "text")

    def model_init() -> Any:
        return load_model()

    return assemble(None, arguments(output_dir, seed), data, tokenizer, model_init=model_init)
