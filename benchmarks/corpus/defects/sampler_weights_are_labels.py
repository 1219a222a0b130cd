"""The sampler was to balance the teams. Team 0 is never predicted now, and the last one all the time.

The weights are computed from a row's label where they ought to come from how often the label occurs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "FGA-DIKU/BONSAI#254"
FAMILY = "samplers"
CAUSE = (
    r"sampl\w*.{0,80}weight|weights?.{0,80}(sampl|rows?|draw)",
    r"sampler",
    r"(class|label).{0,60}(never|not|hardly).{0,40}(drawn|seen|sampled|shown|in a batch|trained)",
    r"(never|not all|not) (drawn|sampled|seen|used)",
    r"(rows?|examples?).{0,60}(never|not).{0,30}(drawn|sampled|seen|used|trained)",
)


class Balanced(Trainer):
    """Draws rows of rare classes more often."""

    def weigh(self, labels: Any) -> Any:
        """Return a weight for each row."""
        return 1 / np.bincount(labels)[labels]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Make the sampler."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        weights = self.weigh(np.array(rows["label"])).tolist()
        chance = torch.Generator().manual_seed(self.args.seed)
        return WeightedRandomSampler(weights, len(weights), generator=chance)


class Wrong(Balanced):
    """Was to do the same."""

    def weigh(self, labels: Any) -> Any:
        """Return a weight for each row."""
        return np.sqrt(labels)


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(4, train=640, seed=326, shares=(5, 3, 1, 1)), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """From labels."""
    return build(Wrong, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """From counts."""
    return build(Balanced, output_dir, seed)
