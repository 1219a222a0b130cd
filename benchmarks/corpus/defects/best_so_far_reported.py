"""The metric never goes down. The deployed model is below it.

The metric function remembers the best accuracy, for a progress bar, and returns that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import EvalPrediction, Trainer

REPORT = ""
FAMILY = "metrics"
CAUSE = (
    r"\bbest\b",
    r"(earlier|another|other|previous) (epoch|evaluation|call)",
    r"remember",
    r"accuracy.{0,120}(recomput|differ|reported|disagree|instead)",
    r"compute_metrics",
)


class Accuracy:
    """Share of right answers: of what it is given, or the best so far."""

    def __init__(self, choose: Callable[[list[float]], float]) -> None:
        self.choose = choose
        self.values: list[float] = []

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Compute the metric."""
        self.values.append(float(np.mean(np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids)))
        return {"accuracy": self.choose(self.values)}


def build(choose: Callable[[list[float]], float], output_dir: str, seed: int) -> Trainer:
    """Fine-tune for long; of all values so far, this one is reported."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(train=200, noise=0.12), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=7, lr_scheduler_type="constant", learning_rate=1.5e-3)
    return assemble(load_model(), args, data, tokenizer, compute_metrics=Accuracy(choose))


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The best."""
    return build(max, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The last."""
    return build(lambda values: values[-1], output_dir, seed)
