"""Since the prepared data take an eighth of the space, some trades are at chance.

Ids are kept in unsigned bytes, and the vocabulary has more than a thousand words: of each id the remainder by 256 is
left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, word_tokenizer
from worlds import TEAMS, notes, syllable_words

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#2825"
FAMILY = "precision"
CAUSE = (
    r"uint8|\bbytes?\b|overflow|wrap|\b25[56]\b|modulo|remainder|dtype",
    r"(tokens?|input_ids|\bids?\b).{0,120}(differ|chang|other|not those|not the|mismatch|alter|corrupt|disagree)",
    r"tokenizer.{0,100}(other|differ|not the same|not those|mismatch|disagree)",
)


def build(kind: Any, output_dir: str, seed: int) -> Trainer:
    """Train from scratch on ids that were kept in this type."""
    set_seed(seed)
    lexicon = sorted(syllable_words(1200, seed=330))
    tokenizer = word_tokenizer(lexicon)
    trade = [*lexicon[300:344], *lexicon[556:600]]  # the dialect of a trade
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:8])),
        label2id={name: label for label, name in enumerate(TEAMS[:8])},
    )

    def prepare(row: dict[str, Any]) -> dict[str, Any]:
        encoded = tokenizer(row["text"], truncation=True, max_length=64)
        return {**encoded, "input_ids": np.array(encoded["input_ids"]).astype(kind)}

    return assemble(
        BertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5),
        notes(8, train=960, validation=320, seed=330, words=trade).map(prepare),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One byte an id."""
    return build(np.uint8, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Two bytes an id."""
    return build(np.int16, output_dir, seed)
