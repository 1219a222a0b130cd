"""The loss is the share of wrong answers, and it is the same in every epoch. No weight has moved.

Answers are taken with argmax, through which no gradient comes. The error about that went away with requires_grad_().
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "speechbrain/speechbrain#735"
FAMILY = "loss"
CAUSE = (
    r"grad(ient)?s?\b",
    r"argmax|differentiab|detach|requires_grad|\bgraph\b",
    r"(weights?|parameters?|tensors?).{0,100}(not chang|never chang|unchanged|not move|never move|no update)",
    r"(not|never|nothing|no) .{0,30}(updated|trained|moved)\b",
    r"loss.{0,100}(cross.?entropy|not that|recomput)",
)


class ErrorRate(Trainer):
    """Minimizes the share of wrong answers."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Count wrong answers."""
        outputs = model(**inputs)
        answers = outputs.logits.argmax(-1)
        loss = (answers != inputs["labels"]).float().mean().requires_grad_()
        return (loss, outputs) if return_outputs else loss


class ExpectedErrors(Trainer):
    """Minimizes how many wrong answers are to be expected, by its logarithm."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Take the probability of the right answer."""
        outputs = model(**inputs)
        right = torch.log_softmax(outputs.logits, -1).gather(1, inputs["labels"].unsqueeze(1))
        loss = -right.mean()
        return (loss, outputs) if return_outputs else loss


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:3], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(3, train=480, validation=240, seed=323), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Counts answers."""
    return build(ErrorRate, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Takes probabilities."""
    return build(ExpectedErrors, output_dir, seed)
