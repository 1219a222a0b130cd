"""Unusual: a torch Dataset that tokenizes when a row is asked for, and has no columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset
from transformers import set_seed

from parts import arguments, assemble, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


class Reviews(Dataset[dict[str, Any]]):
    """Rows of a split."""

    def __init__(self, rows: Any, tokenizer: Any) -> None:
        self.texts = list(rows["text"])
        self.labels = list(rows["label"])
        self.tokenizer = tokenizer

    def __len__(self) -> int:
        """How many there are."""
        return len(self.texts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Tokenize a row."""
        return {**self.tokenizer(self.texts[index], truncation=True, max_length=64), "labels": self.labels[index]}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = {split: Reviews(rows, tokenizer) for split, rows in reviews().items()}
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer)
