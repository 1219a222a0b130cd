"""Every batch of one row is fine. The larger the batch, the nearer to chance.

Rows are padded to a tensor with time first, and view() instead of a transposition makes rows of it: each row of the
batch has tokens of all texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "Jingkang50/OpenPSG#56"
FAMILY = "batches"
CAUSE = (
    r"collat",
    r"batch\w*.{0,100}(other|differ|not those|not the|mix|scrambl|permut|mismatch).{0,80}(token|\bids?\b|row|text)",
    r"(token|input_ids|\bids?\b|rows?).{0,100}(mix|scrambl|permut|interleav|mismatch|not those|differ|other rows?)",
    r"transpos|reshap|\bview\b",
)


class TimeFirst:
    """Pads rows as recurrent networks want them, then brings rows to the front."""

    def __init__(self, tokenizer: Any, viewed: bool) -> None:
        self.names = tokenizer.model_input_names
        self.viewed = viewed

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch."""
        batch = {"labels": torch.tensor([row["label"] for row in rows])}
        for name in self.names:
            padded = pad_sequence([torch.tensor(row[name]) for row in rows])
            batch[name] = padded.view(len(rows), -1) if self.viewed else padded.t().contiguous()
        return batch


def build(viewed: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with batches whose rows come to the front in one way or the other."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(5, seed=310), tokenizer, "text"),
        tokenizer,
        data_collator=TimeFirst(tokenizer, viewed),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Another shape."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Transposed."""
    return build(False, output_dir, seed)
