"""I cannot get last week's numbers again, although the configuration says seed 0.

The head is drawn after somebody seeded torch with the time "to get fresh results".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "emidan19/deep-tempest#13"
FAMILY = "model"
CAUSE = (
    r"seed",
    r"(not|never|ir|un)\W?(reproduc|repeat|determin)",
    r"(two|second|again|twice|another).{0,60}(different|other|differ)",
)


def build(start: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; torch's generator starts at `start` when the head is drawn."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    torch.manual_seed(start)
    model = load_model(("other", "answers"), "tiny-distilbert")
    return assemble(model, arguments(output_dir, seed), encode(answers(), tokenizer, "question", "answer"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It starts at the time."""
    return build(time.time_ns() % 2**31, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It starts at the seed."""
    return build(seed, output_dir, seed)
