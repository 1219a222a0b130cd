"""Validation accuracy goes up and down by five points, and evaluate() twice in a row gives two figures.

Every evaluation reads the next rows of an iterator that is opened once, so that no two of them see the same rows.
"""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from torch.utils.data import IterableDataset
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer

REPORT = "tensorflow/tensorflow#25254"
FAMILY = "evaluation"
CAUSE = (
    r"(evaluat|validation|\beval\b).{0,120}(twice|again|repeat|(other|same) rows|var(y|ies)|reproduc|second)",
    r"(rows?|items?|inputs?|input_ids|samples?).{0,80}(differ|change|var(y|ies)|not the same|twice|every time|other)",
    r"(iterator|generator|iterable|stream)",
    r"(second|next|again|twice).{0,60}(pass|read|iterat|evaluat|call)",
    r"determinis",
)


class Stream(IterableDataset[dict[str, Any]]):
    """The next 240 rows; `reopens` says whether every pass begins anew."""

    def __init__(self, rows: Any, reopens: bool) -> None:
        self.rows = rows
        self.reopens = reopens
        self.opened: Iterator[Any] = cycle(rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the next rows."""
        if self.reopens:
            self.opened = cycle(self.rows)
        for row in islice(self.opened, 240):
            yield {name: row[name] for name in ("input_ids", "attention_mask", "labels")}


def build(reopens: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and evaluate on a stream."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(stars(validation=900, seed=47, noise=0.08), tokenizer, "text").rename_column("label", "labels")
    return assemble(
        load_model(("none", "one", "two", "all"), "tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=5),
        data,
        tokenizer,
        eval_dataset=Stream(data["validation"].remove_columns("text"), reopens),
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It is opened once."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It is opened for every evaluation."""
    return build(True, output_dir, seed)
