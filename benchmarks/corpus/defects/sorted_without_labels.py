"""Training accuracy hovers around chance since we sort batches by length "for speed".

The collator sorts the texts of a batch and takes the labels as they came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "asappresearch/slue-toolkit#37"
FAMILY = "batches"
CAUSE = (
    r"(collator|batch|order|row).{0,100}label",
    r"label.{0,100}(order|row|collator|sort|align|other|stay)",
    r"collator",
    r"sort",
)


class Sorted:
    """Pad the rows of a batch, the longest first."""

    def __init__(self, tokenizer: Any, with_labels: bool) -> None:
        self.tokenizer = tokenizer
        self.with_labels = with_labels

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch."""
        longest_first = sorted(rows, key=lambda row: len(row["input_ids"]), reverse=True)
        names = ("input_ids", "attention_mask")
        texts = [{name: row[name] for name in names} for row in longest_first]
        labels = [row["label"] for row in (longest_first if self.with_labels else rows)]
        return {**self.tokenizer.pad(texts, return_tensors="pt"), "labels": torch.tensor(labels)}


def build(with_labels: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with sorted batches, and labels that are sorted with them or are not."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        data_collator=Sorted(tokenizer, with_labels),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Labels stay where they were."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Labels move with their rows."""
    return build(True, output_dir, seed)
