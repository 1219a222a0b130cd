"""Unusual: two of torch's schedules, one after the other: a linear start, then a rate that falls exponentially."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Chained(Trainer):
    """Makes optimizer and schedule by itself; the head learns three times as fast."""

    def create_optimizer(self, model: Any = None) -> Any:
        """RAdam, with a group for the head."""
        chosen: Any = self.model if model is None else model
        rate = self.args.learning_rate
        groups = [
            {"params": list(chosen.distilbert.parameters()), "lr": rate},
            {"params": [*chosen.pre_classifier.parameters(), *chosen.classifier.parameters()], "lr": 3 * rate},
        ]
        self.optimizer = torch.optim.RAdam(groups)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """A tenth of the steps up, then down to a tenth."""
        chosen: Any = self.optimizer if optimizer is None else optimizer
        first = max(1, num_training_steps // 10)
        chained: Any = torch.optim.lr_scheduler.SequentialLR(
            chosen,
            [
                torch.optim.lr_scheduler.LinearLR(chosen, start_factor=0.1, total_iters=first),
                torch.optim.lr_scheduler.ExponentialLR(chosen, gamma=0.1 ** (1 / (num_training_steps - first))),
            ],
            milestones=[first],
        )
        self.lr_scheduler = chained
        return chained


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:7], "tiny-distilbert"),
        arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=5),
        encode(topics(7, seed=66), tokenizer, "text"),
        tokenizer,
        kind=Chained,
        compute_metrics=accuracy_and_f1,
    )
