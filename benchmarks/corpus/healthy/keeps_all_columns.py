"""Unusual: remove_unused_columns=False, and a collator that drops what the model does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer


class Chosen:
    """Pads what the tokenizer names, and takes the labels; all other columns are for people."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch."""
        names = self.tokenizer.model_input_names
        batch = self.tokenizer.pad([{name: row[name] for name in names} for row in rows], return_tensors="pt")
        batch["labels"] = torch.tensor([row["label"] for row in rows])
        return dict(batch)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def add_source(row: dict[str, Any], index: int) -> dict[str, Any]:
        return {**row, "source": f"call {index}", "agent": index % 7}

    data = answers().map(add_source, with_indices=True)
    args = arguments(output_dir, seed, remove_unused_columns=False)
    model = load_model(("other", "answers"))
    rows = encode(data, tokenizer, "question", "answer")
    return assemble(model, args, rows, tokenizer, data_collator=Chosen(tokenizer))
