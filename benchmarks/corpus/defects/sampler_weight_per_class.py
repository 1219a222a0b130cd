"""The "balanced" run memorizes something, and forgets the rest.

The sampler got one weight per class where it wants one per row: it draws the first four rows, over and over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import WeightedRandomSampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "deep-voice/soundbay#49"
FAMILY = "samplers"
CAUSE = (
    r"sampler",
    r"(row|example)s?.{0,60}(never|not) (seen|drawn|trained|visited)",
    r"(drawn|seen|draws|visits).{0,60}(row|example|twice|again|times)",
    r"only \d+.{0,40}(row|example)",
)


class Balanced(Trainer):
    """Draws rows of all classes equally often."""

    weights: Any = None

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Draw as many rows as there are."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return WeightedRandomSampler(self.weights, num_samples=len(rows))


def build(per_row: bool, output_dir: str, seed: int) -> Made:
    """Fine-tune with a sampler that has a weight per row or per class."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = topics(4, shares=(1, 2, 3, 4))
    labels = np.array(data["train"]["label"])
    weights = 1 / np.bincount(labels, minlength=4)
    trainer = assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=Balanced,
        compute_metrics=accuracy_and_f1,
    )
    trainer.weights = (weights[labels] if per_row else weights).tolist()  # type: ignore[attr-defined]  # declared by the class above
    return trainer


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Four weights."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """A weight for each row."""
    return build(True, output_dir, seed)
