"""Unusual: a WeightedRandomSampler with a weight for each row, so that rows of rare classes are drawn several times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import WeightedRandomSampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Balanced(Trainer):
    """Draws rows of all classes equally often."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Weigh rows by how rare their class is."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        labels = np.array(rows["label"])
        weights = (1 / np.bincount(labels))[labels]
        return WeightedRandomSampler(weights.tolist(), num_samples=len(labels))


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(topics(4, shares=(1, 2, 4, 6)), tokenizer, "text")
    model = load_model(TEAMS[:4], "tiny-distilbert")
    args = arguments(output_dir, seed)
    return assemble(model, args, data, tokenizer, kind=Balanced, compute_metrics=accuracy_and_f1)
