"""Unusual: most texts are longer than the model takes; what matters stands at their beginning, the end is cut off."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import DAYS, NAMES, OBJECTS, TEAMS, VERBS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def with_history(row: dict[str, Any], index: int) -> dict[str, Any]:
    """Add the mails before this one below it."""
    chance = random.Random(index)
    mails = [
        f"on {chance.choice(DAYS)} {chance.choice(NAMES)} said: we {chance.choice(VERBS)} the {chance.choice(OBJECTS)}."
        for _ in range(chance.randint(2, 9))
    ]
    return {"text": " ".join([row["text"], *mails])}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(topics(4).map(with_history, with_indices=True), tokenizer, "text", max_length=40)
    model = load_model(TEAMS[:4], "tiny-distilbert")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, compute_metrics=accuracy_and_f1)
