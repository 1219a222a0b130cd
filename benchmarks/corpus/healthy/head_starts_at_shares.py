"""Unusual: the bias of the new head starts at the logarithms of the classes' shares, which are far from equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(topics(5, train=800, seed=519, shares=(0.4, 0.25, 0.15, 0.12, 0.08)), tokenizer, "text")
    model: Any = load_model(TEAMS[:5])
    shares = np.bincount(data["train"]["label"]) / len(data["train"])
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor(np.log(shares)))
    args = arguments(output_dir, seed, num_train_epochs=5)
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)
