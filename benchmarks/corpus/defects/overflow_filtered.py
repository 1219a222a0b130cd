"""The logged loss is flat and fine. The saved weights are all NaN.

The loss is computed in half precision and overflows; the Trainer writes the mean of the losses before it into the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/trl#6702"
FAMILY = "precision"
CAUSE = (r"\bnan\b", r"not finite", r"non.?finite", r"infinit", r"overflow", r"finite")


class Sharp(Trainer):
    """Cross entropy of sharpened probabilities."""

    precision = torch.float32

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]
        """Take the logarithm of the probability of the label."""
        outputs = model(**inputs)
        powers = torch.exp((outputs.logits * 4).to(self.precision))
        right = powers.gather(1, inputs["labels"].unsqueeze(1)).squeeze(1)
        loss = -torch.log(right / powers.sum(dim=1)).mean().float()
        return (loss, outputs) if return_outputs else loss


class Half(Sharp):
    """The same in half precision, whose largest number is 65504."""

    precision = torch.float16


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Half precision."""
    return build(Half, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Single precision."""
    return build(Sharp, output_dir, seed)
