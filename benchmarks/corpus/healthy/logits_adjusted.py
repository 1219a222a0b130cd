"""Unusual: in training, the logarithm of each class's share is added to the logits; rare classes profit when served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Adjusted(Trainer):
    """Cross entropy of adjusted logits in training, and of the logits in evaluation."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy."""
        outputs = model(**inputs)
        logits = outputs.logits
        if model.training:
            rows: Any = self.train_dataset
            counts = np.bincount(rows["label"], minlength=logits.shape[-1])
            logits = logits + torch.log(torch.tensor(counts / counts.sum(), dtype=logits.dtype))
        loss = cross_entropy(logits, inputs["labels"])
        return (loss, outputs) if return_outputs else loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(TEAMS[:5]),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(topics(5, train=800, validation=400, seed=408, shares=(6, 4, 2, 2, 1)), tokenizer, "text"),
        tokenizer,
        kind=Adjusted,
        compute_metrics=accuracy_and_f1,
    )
