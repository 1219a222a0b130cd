"""After the update of transformers the loss in the log is four times as high, and clipping clips every step.

The Trainer leaves dividing by the accumulation steps to a loss that knows the number of items. Ours does not use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#37766"
FAMILY = "versions"
CAUSE = (r"accumulat", r"num_items_in_batch", r"(gradient|loss).{0,80}(time|factor|scale|divid|large|size of)")


class Old(Trainer):
    """Cross entropy as it was written for an earlier version."""

    def mean(self, losses: Any, items: Any) -> Any:
        """Average over the rows of the batch."""
        del items
        return losses.mean()

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross entropy."""
        outputs = model(**inputs)
        loss = self.mean(cross_entropy(outputs.logits, inputs["labels"], reduction="none"), num_items_in_batch)
        return (loss, outputs) if return_outputs else loss


class New(Old):
    """The same, over the rows of all batches of the step."""

    def mean(self, losses: Any, items: Any) -> Any:
        """Average over the rows of the step."""
        return losses.mean() if items is None else losses.sum() / items


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind, in steps of four batches."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed, per_device_train_batch_size=8, gradient_accumulation_steps=4, learning_rate=2e-3),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The gradient is four times too large."""
    return build(Old, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """The gradient is that of the mean."""
    return build(New, output_dir, seed)
