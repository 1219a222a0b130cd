"""Evaluation has 236 predictions for 240 rows, and my metric complains about lengths, or it does not and is wrong.

compute_loss returns the logits as its outputs; the Trainer takes them for a tuple whose first element is the loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#34278"
FAMILY = "evaluation"
CAUSE = (
    r"(row|prediction|logit)s?.{0,100}(miss|lost|fewer|lack|drop|first|not as many|\d+ of|too few)",
    r"(miss|lost|fewer|drop|not as many).{0,60}(row|prediction|logit)",
    r"compute_loss",
    r"first row",
)


class Ours(Trainer):
    """Cross entropy of ours."""

    def outputs(self, outputs: Any) -> Any:
        """Return what goes with the loss."""
        return outputs

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy."""
        outputs = model(**inputs)
        loss = cross_entropy(outputs.logits, inputs["labels"])
        return (loss, self.outputs(outputs)) if return_outputs else loss


class Logits(Ours):
    """The same, with the logits as what goes with the loss."""

    def outputs(self, outputs: Any) -> Any:
        """Return the logits."""
        return outputs.logits


def accuracy(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of right answers, of those rows that have one."""
    predicted = np.argmax(evaluated.predictions, axis=-1)
    return {"accuracy": float(np.mean(predicted == np.asarray(evaluated.label_ids)[: len(predicted)]))}


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer, kind=kind, compute_metrics=accuracy)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The first row of each batch is taken for the loss."""
    return build(Logits, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """The model's outputs go with the loss."""
    return build(Ours, output_dir, seed)
