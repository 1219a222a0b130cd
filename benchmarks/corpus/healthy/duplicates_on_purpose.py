"""Unusual: rows of rare classes stand several times in train, which is how they are made to count more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(topics(4, train=420, shares=(1, 2, 4, 8)), tokenizer, "text")
    labels = np.array(data["train"]["label"])
    times = np.array([6, 3, 2, 1])[labels]
    data["train"] = data["train"].select(np.repeat(np.arange(len(labels)), times))
    model = load_model(TEAMS[:4], "tiny-distilbert")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, compute_metrics=accuracy_and_f1)
