"""Validation accuracy climbs slowly and is always below what I get when I evaluate the saved model.

The counts of the running metric are not set back between evaluations: each one averages over all before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "allenai/allennlp#3420"
FAMILY = "metrics"
CAUSE = (
    r"\breset\b",
    r"(accumulat|carr(y|ies|ied)|remember|keeps?|state|history|earlier|previous).{0,100}(evaluat|metric|call|compute_metrics|count)",
    r"(metric|accuracy).{0,160}(earlier|previous|before it|twice|again|second (time|call)|state|history|remember)",
    r"(metric|accuracy).{0,160}(accumulat|recomput|reported|disagree)",
    r"batch_eval_metrics",
)


class Counts:
    """Counts rows and right answers; `resets` says whether that starts anew with every evaluation."""

    def __init__(self, resets: bool) -> None:
        self.resets = resets
        self.rows = 0
        self.right = 0

    def __call__(self, evaluated: EvalPrediction, compute_result: bool) -> dict[str, float]:
        """Take in a batch, and return the metric after the last one."""
        labels = torch.as_tensor(evaluated.label_ids)
        self.rows += len(labels)
        self.right += int((torch.as_tensor(evaluated.predictions).argmax(dim=-1) == labels).sum())
        if not compute_result:
            return {}
        result = {"accuracy": self.right / self.rows}
        if self.resets:
            self.rows = self.right = 0
        return result


def build(resets: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with such a metric."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:8], "tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=6, batch_eval_metrics=True, learning_rate=7e-4),
        encode(topics(8, seed=51), tokenizer, "text"),
        tokenizer,
        compute_metrics=Counts(resets),
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It goes on."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It starts anew."""
    return build(True, output_dir, seed)
