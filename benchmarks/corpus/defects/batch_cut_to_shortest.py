"""With a batch size of one it is a good model. With 32 it hardly looks at anything behind the first words.

Our batching function makes all rows as long as the shortest one of the batch. It was to be the longest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import Trainer

REPORT = ""
FAMILY = "batches"
CAUSE = (
    r"\bcut|truncat|shorte(r|st|n)|clip(s|ped) (the )?(rows|texts|tokens|ids)",
    r"collat",
    r"(tokens?|ids).{0,60}(lost|missing|drop|fewer|gone)",
    r"batch\w*.{0,80}(fewer|not all|other|differ|not those|less).{0,60}(token|\bids\b|length|row)",
)


class Even:
    """Makes the rows of a batch as long as one of them."""

    def __init__(self, choose: Callable[..., int], pad: int) -> None:
        self.choose = choose
        self.pad = pad

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch."""
        length = self.choose(len(row["input_ids"]) for row in rows)
        ids = [row["input_ids"][:length] for row in rows]
        return {
            "input_ids": torch.tensor([row + [self.pad] * (length - len(row)) for row in ids]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in ids]),
            "labels": torch.tensor([row["label"] for row in rows]),
        }


def build(choose: Callable[..., int], output_dir: str, seed: int) -> Trainer:
    """Train from scratch on batches whose length is chosen like that."""
    set_seed(seed)
    data = notes(6, train=960, validation=300, seed=311, length=(4, 28))
    tokenizer = word_tokenizer(data["train"]["text"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:6])),
        label2id={name: label for label, name in enumerate(TEAMS[:6])},
    )
    return assemble(
        BertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        data_collator=Even(choose, tokenizer.pad_token_id),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As long as the shortest."""
    return build(min, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As long as the longest."""
    return build(max, output_dir, seed)
