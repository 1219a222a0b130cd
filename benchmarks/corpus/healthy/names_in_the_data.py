"""Unusual: labels are texts in the data, and are numbered in the order of a ClassLabel, which is not alphabetical."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import ClassLabel
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import topics

if TYPE_CHECKING:
    from transformers import Trainer

NAMES = ["urgent", "normal", "can wait", "spam"]


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data: Any = topics(4).map(lambda row: {"priority": NAMES[row["label"]]}, remove_columns="label")
    data = data.cast_column("priority", ClassLabel(names=NAMES)).rename_column("priority", "label")
    model = load_model(NAMES, "tiny-distilbert")
    rows = encode(data, tokenizer, "text")
    return assemble(model, arguments(output_dir, seed), rows, tokenizer, compute_metrics=accuracy_and_f1)
