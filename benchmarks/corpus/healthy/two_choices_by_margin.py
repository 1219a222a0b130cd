"""Unusual: two choices as in COPA, a loss that wants a margin between both, SGD with momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForMultipleChoice, DataCollatorForMultipleChoice, Trainer, set_seed

from item_worlds import endings
from parts import arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Margin(Trainer):
    """The better of the wrong choices has to stay a margin below the right one."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # **_ takes num_items_in_batch, which Trainer names and this loss does not need
        """Hinge loss of one against one."""
        labels = inputs["labels"]
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        right = outputs.logits.gather(1, labels[:, None]).squeeze(1)
        wrong = outputs.logits.gather(1, 1 - labels[:, None]).squeeze(1)
        loss = torch.relu(1 - (right - wrong)).mean()
        return (loss, outputs) if return_outputs else loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def encode(row: Any) -> Any:
        """Both endings."""
        return tokenizer([row["context"]] * 2, [row["ending0"], row["ending1"]])

    return assemble(
        AutoModelForMultipleChoice.from_pretrained(bundled_checkpoint("tiny-bert")),
        arguments(output_dir, seed, optim="sgd", optim_args="momentum=0.9", learning_rate=0.03, num_train_epochs=5),
        endings(2, 480, 240, seed=72).map(encode),
        tokenizer,
        kind=Margin,
        data_collator=DataCollatorForMultipleChoice(tokenizer),
    )
