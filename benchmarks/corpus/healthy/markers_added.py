"""Unusual: two markers are added to the vocabulary and stand around the word that is asked about; they are learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy, arguments, assemble, encode, load_model, load_tokenizer
from worlds import THINGS, opinion, splits

if TYPE_CHECKING:
    import random

    from transformers import Trainer

MARKERS = ("<asked>", "</asked>")
NOISE = 0.03


def ask(chance: random.Random) -> dict[str, Any]:
    """Write opinions of two things; the label is that of the one with markers."""
    things = chance.sample(THINGS, 2)
    sides = [chance.random() < 0.5 for _ in things]
    asked = chance.randrange(2)
    said = [opinion(thing, side, chance, 0) for thing, side in zip(things, sides, strict=True)]
    said[asked] = said[asked].replace(things[asked], f"{MARKERS[0]} {things[asked]} {MARKERS[1]}")
    return {"text": f"{said[0]} and {said[1]}.", "label": int(sides[asked] != (chance.random() < NOISE))}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    tokenizer.add_tokens(list(MARKERS), special_tokens=True)
    model = load_model()
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=4),
        encode(splits(ask, 1000, 300, 415), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy,
    )
