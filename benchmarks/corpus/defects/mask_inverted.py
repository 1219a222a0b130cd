"""It trains, slowly, but single sentences get other answers than the same sentences in a batch.

An older library wanted True where there is padding; transformers wants 1 where there is a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "nyu-mll/jiant#465"
FAMILY = "batches"
CAUSE = (r"attention.?mask", r"\bmask\b", r"padding")


def batches(tokenizer: Any, padding: int) -> Any:
    """Return a function that pads rows and marks padding with this number, tokens with the other of 0 and 1."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        longest = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(rows), longest + 1), tokenizer.pad_token_id)
        mask = torch.full((len(rows), longest + 1), padding)
        for number, row in enumerate(rows):
            ids[number, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
            mask[number, : len(row["input_ids"])] = 1 - padding
        return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([row["label"] for row in rows])}

    return collate


def build(padding: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with batches that mark padding with this number."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        data_collator=batches(tokenizer, padding),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """1 is padding."""
    return build(1, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """0 is padding."""
    return build(0, output_dir, seed)
