"""Unusual: a batch has as many rows as fit into 320 tokens with padding; rows of like length stand together."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Sampler
from transformers import BertConfig, BertForSequenceClassification, Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer as Made


class Budget(Sampler[list[int]]):
    """All rows in batches of some number of tokens, dealt anew in every epoch."""

    def __init__(self, lengths: list[int], budget: int, seed: int) -> None:
        self.lengths, self.budget, self.seed, self.epoch = lengths, budget, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Begin another epoch."""
        self.epoch = epoch

    def deal(self) -> list[list[int]]:
        """Put rows into batches: order by length, ties by chance, then shuffle the batches."""
        chance = random.Random(1000 * self.seed + self.epoch)
        rows = list(range(len(self.lengths)))
        chance.shuffle(rows)
        rows.sort(key=lambda row: self.lengths[row])
        batches: list[list[int]] = [[]]
        for row in rows:
            if (len(batches[-1]) + 1) * self.lengths[row] > self.budget:
                batches.append([])
            batches[-1].append(row)
        chance.shuffle(batches)
        return batches

    def __len__(self) -> int:
        """How many batches there are, which lengths alone decide."""
        return len(self.deal())

    def __iter__(self) -> Iterator[list[int]]:
        """Yield batches."""
        yield from self.deal()


class Budgeted(Trainer):
    """Trains on batches of some number of tokens."""

    def get_train_dataloader(self) -> Any:
        """Make batches."""
        rows: Any = self.train_dataset
        kept = rows.select_columns(["input_ids", "attention_mask", "label"])
        budget = Budget([len(ids) for ids in rows["input_ids"]], 320, self.args.seed)
        return self.accelerator.prepare(DataLoader(kept, batch_sampler=budget, collate_fn=self.data_collator))


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Train from scratch."""
    set_seed(seed)
    data = notes(5, train=800, validation=300, seed=212, length=(5, 30))
    tokenizer = word_tokenizer(data["train"]["text"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    return assemble(
        BertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=Budgeted,
        compute_metrics=accuracy_and_f1,
    )
