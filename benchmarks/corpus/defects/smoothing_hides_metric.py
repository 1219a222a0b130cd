"""With label smoothing of our own, evaluation prints a loss and no accuracy.

The loss takes the labels out of the inputs, and the step of evaluation looks for them afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#10309"
FAMILY = "loss"
CAUSE = (
    r"label_names",
    r"\bno labels?\b",
    r"without (a )?labels?",
    r"labels?.{0,60}(missing|none|never|not (given|return|reach|found|there|gather))",
    r"metrics?.{0,80}(missing|none|not (comput|report|call)|never|without|absent)",
    r"compute_metrics",
)


class Smooth(Trainer):
    """Cross entropy with smoothed labels, and an evaluation that runs under inference mode."""

    def take(self, inputs: Any) -> Any:
        """Return the labels, which stay where they are."""
        return inputs["labels"]

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy with smoothed labels."""
        labels = self.take(inputs)
        outputs = model(**inputs)
        loss = cross_entropy(outputs.logits, labels, label_smoothing=0.1)
        return (loss, outputs) if return_outputs else loss

    def prediction_step(self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None) -> Any:
        """Evaluate a batch."""
        del ignore_keys
        inputs = self._prepare_inputs(inputs)
        with torch.inference_mode():
            loss, outputs = self.compute_loss(model, inputs, return_outputs=True)
        return loss, None if prediction_loss_only else outputs.logits, inputs.get("labels")


class Taken(Smooth):
    """The same, with labels that are gone afterwards."""

    def take(self, inputs: Any) -> Any:
        """Return the labels."""
        return inputs.pop("labels")


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
    """Labels are taken out."""
    return build(Taken, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Labels stay."""
    return build(Smooth, output_dir, seed)
