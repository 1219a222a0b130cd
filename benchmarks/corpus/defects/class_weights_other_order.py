"""Weights were to help the rare class. Now it is never predicted at all.

The weights are in the order in which pandas counts classes, the frequent ones first; the loss wants them by number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "ThilinaRajapakse/simpletransformers#1369"
FAMILY = "loss"
CAUSE = (r"class.?weight", r"weights?.{0,80}(class|order|loss)", r"(class|loss).{0,80}weight")


class Weighted(Trainer):
    """Counts errors of a class with its weight."""

    weights = torch.ones(4)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Weighted cross entropy."""
        outputs = model(**inputs)
        loss = cross_entropy(outputs.logits, inputs["labels"], weight=self.weights.to(outputs.logits.device))
        return (loss, outputs) if return_outputs else loss


def build(by_number: bool, output_dir: str, seed: int) -> Made:
    """Fine-tune with weights by the number of the class, or by how frequent it is."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = topics(4, shares=(1, 2, 4, 12), noise=0.02)
    counts = pd.Series(data["train"]["label"]).value_counts()  # the most frequent class first
    if by_number:
        counts = counts.sort_index()
    trainer = assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=Weighted,
        compute_metrics=accuracy_and_f1,
    )
    trainer.weights = torch.tensor((counts.sum() / (4 * counts)).to_numpy(), dtype=torch.float32)  # type: ignore[attr-defined]  # declared by the class above
    return trainer


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The weights stand in the order of frequency."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """The weights stand in the order of the numbers."""
    return build(True, output_dir, seed)
