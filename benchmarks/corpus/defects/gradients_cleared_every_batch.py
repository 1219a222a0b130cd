"""We accumulate over eight batches to get a larger batch, and the run is as noisy as without.

Our training step clears the gradients first, as in a loop that steps after every batch: of eight batches, one counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/accelerate#1299"
FAMILY = "optimizer"
CAUSE = (
    r"accumulat",
    r"zero_grad",
    r"gradients?.{0,80}(clear|zeroed|reset|wiped|erased|discard|thrown|lost|set to zero|dropped|overwritten)",
    r"(clear|zero|reset|wip|eras|discard|los|drop)\w*.{0,40}gradient",
    r"(only|just) the (last|final).{0,30}(micro.?)?batch",
)


class Accumulating(Trainer):
    """Adds up the gradients of the batches of a step."""

    clears = False

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Take the gradient of a batch; its loss is divided by their number, since no number of items is passed on."""
        del num_items_in_batch
        if self.clears:
            model.zero_grad()
        return super().training_step(model, inputs)


class Clearing(Accumulating):
    """Begins every batch with empty gradients."""

    clears = True


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=8,
        learning_rate=2e-3,
    )
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Clears at every batch."""
    return build(Clearing, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Leaves clearing to the Trainer."""
    return build(Accumulating, output_dir, seed)
