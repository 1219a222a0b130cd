"""The same seed gives another model every time.

Train is cut down to a few hundred rows, and the draw has no seed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "azavea/raster-vision#963"
FAMILY = "data"
CAUSE = (
    r"seed",
    r"(not|never|ir|un)\W?(reproduc|repeat|determin)",
    r"(two|second|again|twice|another).{0,60}(different|other|differ)",
)


def build(chance: random.Random, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on rows that this generator draws."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(train=900), tokenizer, "text")
    data["train"] = data["train"].select(chance.sample(range(900), 480))
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The generator starts anywhere."""
    return build(random.SystemRandom(), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The generator starts from the seed."""
    return build(random.Random(seed), output_dir, seed)
