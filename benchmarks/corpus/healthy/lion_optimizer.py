"""Unusual: Lion, an optimizer of our own that steps by the sign of its momentum; the rate is a tenth of AdamW's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Lion(torch.optim.Optimizer):
    """Steps by the sign of a mean of momentum and gradient."""

    def __init__(self, params: Any, lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.99)})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            now, later = group["betas"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                momentum = state.setdefault("momentum", torch.zeros_like(weight))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(torch.lerp(weight.grad, momentum, now).sign(), alpha=-group["lr"])
                momentum.lerp_(weight.grad, 1 - later)
        return loss


class WithLion(Trainer):
    """Makes that optimizer, without decay for vectors."""

    def create_optimizer(self, model: Any = None) -> Any:
        """Make the optimizer."""
        if self.optimizer is None:
            weights = list((self.model if model is None else model).parameters())  # type: ignore[union-attr]  # there is a model
            groups = [
                {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": 0.1},
                {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
            ]
            self.optimizer = Lion(groups, lr=self.args.learning_rate)
        return self.optimizer


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(TEAMS[:5]),
        arguments(output_dir, seed, learning_rate=2e-4, num_train_epochs=5, lr_scheduler_type="cosine"),
        encode(topics(5, seed=62), tokenizer, "text"),
        tokenizer,
        kind=WithLion,
        compute_metrics=accuracy_and_f1,
    )
