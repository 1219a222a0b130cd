"""Unusual: the learning rate follows a cosine that starts again twice."""

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
    args = arguments(output_dir, seed, lr_scheduler_type="cosine_with_restarts", lr_scheduler_kwargs={"num_cycles": 3})
    return assemble(load_model(), args, encode(reviews(), tokenizer, "text"), tokenizer)
