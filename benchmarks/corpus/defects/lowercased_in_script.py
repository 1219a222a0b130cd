"""Validation says 0.97; on what people really type, capitals and all, the API is much worse.

The script makes texts lower case before it tokenizes them. The tokenizer that is saved does not: half of the words are
unknown to it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tokenizers import normalizers
from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "amaiya/ktrain#428"
FAMILY = "serving"
CAUSE = (
    r"(lower|upper|capital|casing|cased|\bcase\b)",
    r"(token|input_ids|id)s?.{0,100}(not those|differ|stale|not what|mismatch|again|other)",
    r"tokenizer.{0,100}(give|again|differ|other|mismatch|does not|not the same|make)",
    r"(served?|pipeline|raw texts?).{0,120}(differ|other|not the|preprocess|disagree|mismatch|unknown)",
    r"(preprocess|normali[sz]|clean)",
    r"(unknown|\[?unk\]?)",
)


def typed(text: str) -> str:
    """Give words capitals as people do, from initials to shouting."""
    chance = random.Random(text)
    styles = (str.lower, str.lower, str.capitalize, str.upper)
    return " ".join(chance.choice(styles)(word) for word in text.split())


def build(by_tokenizer: bool, output_dir: str, seed: int) -> Trainer:
    """Train from scratch; lower case is made by the tokenizer, or before it."""
    set_seed(seed)
    data = notes(4, seed=74)
    tokenizer = word_tokenizer(data["train"]["text"])
    if by_tokenizer:
        tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()

    def prepare(batch: dict[str, Any]) -> Any:
        texts = batch["text"] if by_tokenizer else [text.lower() for text in batch["text"]]
        return tokenizer(texts, truncation=True, max_length=64)

    rows = data.map(lambda row: {"text": typed(row["text"])}).map(prepare, batched=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5)
    model = BertForSequenceClassification(config)
    return assemble(model, args, rows, tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Before it."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """By it."""
    return build(True, output_dir, seed)
