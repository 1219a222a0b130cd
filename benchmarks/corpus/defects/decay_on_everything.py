"""With a strong weight decay, the gains of LayerNorm are 0.4 and falling at the end of the run.

Our optimizer decays all parameters, the gains of LayerNorm and the biases as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "Lightning-AI/lit-llama#254"
FAMILY = "optimizer"
CAUSE = (r"decay", r"layer.?norm", r"\bbias")


class Decayed(Trainer):
    """AdamW with a strong decay of matrices."""

    spared: tuple[str, ...] = ("LayerNorm", "bias")

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Make AdamW with two groups, one of which is spared."""
        if self.optimizer is None:
            trained: Any = model or self.model
            named = list(trained.named_parameters())
            spared = [weight for name, weight in named if any(part in name for part in self.spared)]
            decayed = [weight for name, weight in named if not any(part in name for part in self.spared)]
            self.optimizer = torch.optim.AdamW(
                [{"params": decayed, "weight_decay": 20.0}, {"params": spared, "weight_decay": 0.0}],
                lr=self.args.learning_rate,
            )
        return self.optimizer


class All(Decayed):
    """The same, sparing nothing."""

    spared = ()


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Everything decays."""
    return build(All, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Matrices decay."""
    return build(Decayed, output_dir, seed)
