"""Unusual: the same instruction stands in front of every text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

INSTRUCTION = "was it good or bad? so said the guest -"


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def prompt(row: dict[str, Any]) -> dict[str, Any]:
        return {"prompt": f"{INSTRUCTION} {row['text']}"}

    data = encode(reviews().map(prompt).remove_columns("text"), tokenizer, "prompt")
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer)
