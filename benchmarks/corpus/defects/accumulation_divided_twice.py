"""With four accumulation steps the run learns less than with one, at the same batch size.

Our loss divides by the number of accumulation steps, and so does the Trainer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#40709"
FAMILY = "loss"
CAUSE = (r"accumulat", r"(gradient|loss).{0,80}(time|factor|scale|divid|small|size of)")


class Ours(Trainer):
    """Cross entropy of ours, and SGD; the Trainer is told that it is not divided yet."""

    divided = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = False

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy."""
        outputs = model(**inputs)
        loss = cross_entropy(outputs.logits, inputs["labels"])
        if self.divided:
            loss = loss / self.args.gradient_accumulation_steps
        return (loss, outputs) if return_outputs else loss

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Make SGD with momentum."""
        if self.optimizer is None:
            trained: Any = model or self.model
            self.optimizer = torch.optim.SGD(trained.parameters(), lr=self.args.learning_rate, momentum=0.9)
        return self.optimizer


class Divided(Ours):
    """The same, with a loss that is divided already."""

    divided = True


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(output_dir, seed, per_device_train_batch_size=4, gradient_accumulation_steps=4, learning_rate=0.03)
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Divided by four, and by four."""
    return build(Divided, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Divided by four."""
    return build(Ours, output_dir, seed)
