"""Unusual: gradient checkpointing."""

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
    args = arguments(
        output_dir, seed, gradient_checkpointing=True, gradient_checkpointing_kwargs={"use_reentrant": False}
    )
    return assemble(load_model(), args, encode(reviews(), tokenizer, "text"), tokenizer)
