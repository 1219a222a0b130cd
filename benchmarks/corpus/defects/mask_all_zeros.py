"""With padding to a fixed length the model predicts one class for everything.

The mask is made before padding, from a comparison that is never true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import Trainer

REPORT = ""
FAMILY = "batches"
CAUSE = (r"attention.?mask", r"\bmask\b", r"padding")


class FixedLength:
    """Pad rows to 48 tokens, and make the mask from the token ids."""

    def __init__(self, tokenizer: Any, mask: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.tokenizer = tokenizer
        self.mask = mask

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch `[B, 48]`."""
        ids = torch.full((len(rows), 48), self.tokenizer.pad_token_id)
        for number, row in enumerate(rows):
            ids[number, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
        labels = torch.tensor([row["label"] for row in rows])
        return {"input_ids": ids, "attention_mask": self.mask(ids).long(), "labels": labels}


def build(mask: Callable[[torch.Tensor], torch.Tensor], output_dir: str, seed: int) -> Trainer:
    """Fine-tune with batches that this function masks."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(train=400), tokenizer, "text", max_length=48)
    collator = FixedLength(tokenizer, mask)
    model = load_model(checkpoint="tiny-distilbert")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, data_collator=collator)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """No token id is below zero: nothing may be attended to."""
    return build(lambda ids: ids < 0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Everything but padding, whose id is zero, may be attended to."""
    return build(lambda ids: ids > 0, output_dir, seed)
