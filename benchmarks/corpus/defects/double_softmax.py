"""The loss does not get below 0.5 and the probabilities are all near one half.

The custom loss takes softmax of the logits before cross_entropy, which takes it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy, softmax
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "sugi-chan/custom_bert_pipeline#1"
FAMILY = "loss"
CAUSE = (r"softmax", r"loss.{0,100}(cross.?entropy|logits|not that|recomput)")


class Plain(Trainer):
    """Cross entropy of ours."""

    def scores(self, logits: Any) -> Any:
        """Return what the loss is taken of."""
        return logits

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy."""
        outputs = model(**inputs)
        loss = cross_entropy(self.scores(outputs.logits), inputs["labels"])
        return (loss, outputs) if return_outputs else loss


class Twice(Plain):
    """Cross entropy of probabilities."""

    def scores(self, logits: Any) -> Any:
        """Return what the loss is taken of."""
        return softmax(logits, dim=-1)


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
    """Softmax twice."""
    return build(Twice, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Softmax once."""
    return build(Plain, output_dir, seed)
