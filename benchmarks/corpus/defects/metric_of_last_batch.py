"""The reported accuracy jumps up and down although the loss is smooth.

Metrics are computed batch by batch; the last batch's is returned instead of one over all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "xiaolai-sqlai/gluon-reid#8"
FAMILY = "evaluation"
CAUSE = (
    r"(last|one|each|every|single) batch",
    r"batch_eval_metrics",
    r"compute_metrics",
    r"accuracy.{0,120}(recomput|differ|reported|disagree|instead)",
)


class Running:
    """Accuracy over the batches of an evaluation; `forgets` says whether it forgets all but the last."""

    def __init__(self, forgets: bool) -> None:
        self.forgets = forgets
        self.right: list[Any] = []

    def __call__(self, evaluated: EvalPrediction, compute_result: bool) -> dict[str, float]:
        """Take in a batch, and return the metric after the last one."""
        logits, labels = torch.as_tensor(evaluated.predictions), torch.as_tensor(evaluated.label_ids)
        if self.forgets:
            self.right = []
        self.right.extend((logits.argmax(dim=-1) == labels).tolist())
        if not compute_result:
            return {}
        result = {"accuracy": float(np.mean(self.right))}
        self.right = []
        return result


def build(forgets: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with such a metric."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(validation=264), tokenizer, "text")
    args = arguments(output_dir, seed, batch_eval_metrics=True)
    return assemble(load_model(), args, data, tokenizer, compute_metrics=Running(forgets))


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over eight rows."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over all rows."""
    return build(False, output_dir, seed)
