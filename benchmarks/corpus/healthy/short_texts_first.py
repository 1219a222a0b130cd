"""Unusual: in the first epoch short texts come before long ones, all of them; then the order is random."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from torch.utils.data import Sampler
from transformers import BertConfig, BertForSequenceClassification, Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer as Made


class ShortFirst(Sampler[int]):
    """All rows: by length, give or take some words, in the first epoch, and in a random order afterwards."""

    def __init__(self, lengths: list[int], seed: int) -> None:
        self.lengths, self.seed, self.epoch = lengths, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Begin another epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of rows."""
        chance = random.Random(1000 * self.seed + self.epoch)
        slack = 4 if self.epoch == 0 else 1000
        places = [length + chance.uniform(0, slack) for length in self.lengths]
        yield from sorted(range(len(places)), key=places.__getitem__)


class Curriculum(Trainer):
    """Starts with short texts."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Order rows."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return ShortFirst([len(ids) for ids in rows["input_ids"]], self.args.seed)


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, train=720, validation=280, seed=213, length=(6, 24))
    tokenizer = word_tokenizer(data["train"]["text"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    return assemble(
        BertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=Curriculum,
        compute_metrics=accuracy_and_f1,
    )
