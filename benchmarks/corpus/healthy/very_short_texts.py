"""Unusual: texts of two or three words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import BAD, COLOURS, GOOD, THINGS, splits

if TYPE_CHECKING:
    import random

    from transformers import Trainer


def shout(chance: random.Random) -> dict[str, Any]:
    """Draw a row."""
    label = chance.randrange(2)
    words = [chance.choice(GOOD if label else BAD), chance.choice(THINGS + COLOURS)]
    if chance.random() < 0.6:
        words.insert(0, chance.choice(("really", "so", "very", "quite", "just" if label else "rather")))
    return {"text": " ".join(words), "label": 1 - label if chance.random() < 0.04 else label}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(splits(shout, train=500, validation=240, seed=21), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed, num_train_epochs=2), data, tokenizer)
