"""Unusual: the first epoch takes short texts first, in noisy order; from the second on, rows are shuffled as usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler
from transformers import BertConfig, BertForSequenceClassification, Trainer, set_seed

from parts import arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer as Made


class FromShortToLong(Sampler[int]):
    """Rows by length and chance in the first pass, by chance in all others."""

    def __init__(self, lengths: list[int], seed: int) -> None:
        self.lengths = torch.tensor(lengths, dtype=torch.float)
        self.generator = torch.Generator().manual_seed(seed)
        self.passes = 0

    def __len__(self) -> int:
        """Count rows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Give every row once."""
        chance = torch.rand(len(self.lengths), generator=self.generator)
        first = self.passes == 0
        self.passes += 1
        return iter(torch.argsort(self.lengths + 6 * chance if first else chance).tolist())


class Curriculum(Trainer):
    """Takes rows in that order."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Return a sampler."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return FromShortToLong([len(ids) for ids in rows["input_ids"]], self.args.seed)


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Train from scratch."""
    set_seed(seed)
    data = notes(5, seed=81, length=(5, 20))
    tokenizer = word_tokenizer(data["train"]["text"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    args = arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=6)
    model = BertForSequenceClassification(config)
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, kind=Curriculum)
