"""pipeline() cannot load what we saved: there is no tokenizer in the folder.

The Trainer was never given one; our batching function has it in a closure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#4695"
FAMILY = "saving"
CAUSE = (r"tokenizer", r"processing_class")


def batches(tokenizer: Any) -> Any:
    """Return a function that pads rows."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        names = tokenizer.model_input_names
        batch = tokenizer.pad([{name: row[name] for name in names} for row in rows], return_tensors="pt")
        return {**batch, "labels": torch.tensor([row["label"] for row in rows])}

    return collate


def build(given: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with our batches; the Trainer knows the tokenizer, or does not."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(),
        arguments(output_dir, seed),
        encode(reviews(), tokenizer, "text"),
        tokenizer,
        data_collator=batches(tokenizer),
        processing_class=tokenizer if given else None,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It does not."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It does."""
    return build(True, output_dir, seed)
