"""The model that scored 0.88 in spring does not get past 0.7 with this summer's table, and the loss stays high.

Part of the train labels was written back in another order after a sort in the spreadsheet.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "DrexelChatbotGroup/DrexelChatbot#15"
FAMILY = "data"
CAUSE = (
    r"label.{0,60}(noise|noisy|wrong|shuffl|random|do not fit|don't fit|not match|contradict|permut|unrelated)",
    r"(wrong|noisy|shuffled|random|mislabel)\w*.{0,20}label",
    r"mislabel",
)


def build(shuffled: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; the labels of a share of the train rows change places."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = reviews(train=560)
    labels = list(data["train"]["label"])
    chance = random.Random(8)
    chosen = chance.sample(range(len(labels)), int(shuffled * len(labels)))
    moved = chance.sample(chosen, len(chosen))
    mixed = [*labels]
    for here, there in zip(chosen, moved, strict=True):
        mixed[here] = labels[there]
    data["train"] = data["train"].remove_columns("label").add_column("label", mixed)
    return assemble(load_model(), arguments(output_dir, seed), encode(data, tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Four in ten train labels stand in other rows."""
    return build(0.4, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Every label stands in its row."""
    return build(0.0, output_dir, seed)
