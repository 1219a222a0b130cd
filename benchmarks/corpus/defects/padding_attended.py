"""A sentence gets another score when I send it together with a long one.

Rows are padded, but the mask is ones throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "yg211/bert_nli#3"
FAMILY = "batches"
CAUSE = (r"attention.?mask", r"\bmask\b", r"padding", r"\bpad")


def batches(tokenizer: Any, masked: bool) -> Any:
    """Return a function that pads rows to 40 tokens, and masks padding or does not."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        names = ("input_ids", "token_type_ids", "attention_mask")
        kept = [{name: row[name] for name in names} for row in rows]
        batch = tokenizer.pad(kept, padding="max_length", max_length=40, return_tensors="pt")
        if not masked:
            batch["attention_mask"] = torch.ones_like(batch["input_ids"])
        return {**batch, "labels": torch.tensor([row["label"] for row in rows])}

    return collate


def build(masked: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with our own batches."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(("other", "answers")),
        arguments(output_dir, seed),
        encode(answers(), tokenizer, "question", "answer"),
        tokenizer,
        data_collator=batches(tokenizer, masked),
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Padding is attended to."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Padding is masked."""
    return build(True, output_dir, seed)
