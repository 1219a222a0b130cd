"""Unusual: SGD with Nesterov momentum, at a learning rate of 0.02, and a schedule of steps down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model: Any = load_model(checkpoint="tiny-distilbert")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[100, 140], gamma=0.3)
    args = arguments(output_dir, seed, learning_rate=0.02, num_train_epochs=6, max_grad_norm=2.0)
    data = encode(reviews(seed=61), tokenizer, "text")
    return assemble(model, args, data, tokenizer, optimizers=(optimizer, schedule))
