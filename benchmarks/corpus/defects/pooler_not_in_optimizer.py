"""After a refactoring the model needs twice the epochs.

The groups of the optimizer list the modules by name, and the pooler is in none of them any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "facebookresearch/mmf#620"
FAMILY = "optimizer"
CAUSE = (
    r"optimizer",
    r"pooler",
    r"(head|classifier|encoder|pooler|parameter|weight)s?.{0,80}(never|not|no) (\w+ ){0,2}(train|chang|mov|updat)",
    r"(never|not) (updated|trained|changed|moved|stepped)",
)


class Grouped(Trainer):
    """Trains the head ten times faster than what lies below."""

    below: tuple[str, ...] = ("embeddings", "encoder", "pooler")

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Make a group for each part of BERT, and one for the head."""
        if self.optimizer is None:
            trained: Any = model or self.model
            groups = [
                {"params": list(trained.bert.get_submodule(name).parameters()), "lr": self.args.learning_rate}
                for name in self.below
            ]
            head = {"params": list(trained.classifier.parameters()), "lr": 10 * self.args.learning_rate}
            self.optimizer = torch.optim.AdamW([*groups, head], weight_decay=0.01)
        return self.optimizer


class Forgetful(Grouped):
    """The same, without the pooler."""

    below = ("embeddings", "encoder")


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed, learning_rate=7e-4), data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The pooler is in no group."""
    return build(Forgetful, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """All modules are in a group."""
    return build(Grouped, output_dir, seed)
