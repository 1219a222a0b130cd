"""Unusual: accents, capitals and digits are evened out, all of it inside the tokenizer that is saved with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenizers import Regex
from tokenizers.normalizers import NFD, Lowercase, Replace, Sequence, StripAccents
from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def typed(row: dict[str, Any], index: int) -> dict[str, Any]:
    """Write a note as people type it: with accents, capitals and a number."""
    words = row["text"].split()
    words = [word.replace("e", "é") if place % 3 == 0 else word for place, word in enumerate(words)]
    text = " ".join([*words[:2], str(1000 + index), *words[2:]])
    return {**row, "text": text.upper() if index % 4 == 0 else text}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    raw = notes(5, train=800, validation=280, seed=414)
    tokenizer = word_tokenizer([*raw["train"]["text"], "0"])
    tokenizer.backend_tokenizer.normalizer = Sequence(
        [
            NFD(),
            StripAccents(),
            Lowercase(),
            Replace(Regex("[0-9]+"), "0"),
        ]
    )
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
        encode(raw.map(typed, with_indices=True), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
