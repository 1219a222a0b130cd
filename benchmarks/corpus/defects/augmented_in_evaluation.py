"""The metric of the same checkpoint is another one whenever I evaluate, and lower than what users see.

The collator hides words at random, so that the model does not rely on few of them. Evaluation uses it, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import DataCollatorWithPadding, Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import Trainer as Made

REPORT = "davidsandberg/facenet#277"
FAMILY = "batches"
CAUSE = (
    r"augment",
    r"collat",
    r"\[mask\]|mask(ed|ing|s)? (\w+ )?(token|word|id)|(token|word|id)s?.{0,60}(masked|hidden|replac|dropped|corrupt)",
    r"random(ly|ness|ized| (word|token|mask|nois|augment|chang|replac))|determin|\bnoise",
    r"(evaluat\w*|batch\w*|twice|two|second|again).{0,100}(differ|not the same|unequal|chang)",
)


class HidesWords(DataCollatorWithPadding):
    """Pads rows, and puts [MASK] in the place of a word now and then."""

    def __call__(self, features: Any) -> Any:
        """Make a batch."""
        batch = super().__call__(features)
        ids = batch["input_ids"]
        hidden = (torch.rand(ids.shape) < 0.15) & (ids > self.tokenizer.mask_token_id)
        batch["input_ids"] = ids.masked_fill(hidden, self.tokenizer.mask_token_id)
        return batch


class TwoCollators(Trainer):
    """Evaluates with a collator that only pads."""

    def padding_only(self, loader: Callable[[Any], Any], rows: Any) -> Any:
        """Make batches without hiding anything."""
        tokenizer: Any = self.processing_class
        hides, self.data_collator = self.data_collator, DataCollatorWithPadding(tokenizer)
        try:
            return loader(rows)
        finally:
            self.data_collator = hides

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Make batches for evaluate()."""
        return self.padding_only(super().get_eval_dataloader, eval_dataset)

    def get_test_dataloader(self, test_dataset: Any) -> Any:
        """Make batches for predict()."""
        return self.padding_only(super().get_test_dataloader, test_dataset)


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune with words that are hidden at random."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(("none", "one", "two", "all")),
        arguments(output_dir, seed, num_train_epochs=7),
        encode(stars(train=640, validation=300, seed=118), tokenizer, "text"),
        tokenizer,
        kind=kind,
        data_collator=HidesWords(tokenizer),
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Words are hidden in every batch."""
    return build(Trainer, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Words are hidden in training alone."""
    return build(TwoCollators, output_dir, seed)
