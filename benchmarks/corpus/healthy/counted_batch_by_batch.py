"""Unusual: metrics are counted batch by batch into a confusion matrix, and are read off it after the last batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


class Confusion:
    """Counts which class is taken for which."""

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), dtype=np.int64)

    def __call__(self, evaluated: EvalPrediction, compute_result: bool) -> dict[str, float]:
        """Take in a batch, and return metrics after the last one."""
        logits: Any = torch.as_tensor(evaluated.predictions).cpu()
        labels: Any = torch.as_tensor(evaluated.label_ids).cpu()
        np.add.at(self.counts, (labels.numpy(), logits.argmax(dim=-1).numpy()), 1)
        if not compute_result:
            return {}
        right, rows, answers = np.diag(self.counts), self.counts.sum(axis=1), self.counts.sum(axis=0)
        result = {
            "accuracy": float(right.sum() / self.counts.sum()),
            "balanced_accuracy": float(np.mean(right / np.maximum(rows, 1))),
            "f1": float(np.mean(2 * right / np.maximum(rows + answers, 1))),
        }
        self.counts[:] = 0
        return result


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(output_dir, seed, batch_eval_metrics=True, per_device_eval_batch_size=24, num_train_epochs=4)
    data = encode(topics(6, train=640, seed=506), tokenizer, "text")
    return assemble(load_model(TEAMS[:6]), args, data, tokenizer, compute_metrics=Confusion(6))
