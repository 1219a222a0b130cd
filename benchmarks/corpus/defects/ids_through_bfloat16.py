"""Some teams are confused from the first step to the last. Their words are neighbours in the vocabulary.

All tensors of a batch are cast to bfloat16 to halve what is sent to the device, token ids as well. From 256 on it knows
even numbers alone, from 2048 on every sixteenth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import BertConfig, BertForSequenceClassification, DataCollatorWithPadding, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes, syllable_words

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "deepspeedai/DeepSpeed#5701"
FAMILY = "precision"
CAUSE = (
    r"bfloat|float.?16|half.?precision|precision|dtype",
    r"\bround",
    r"\beven\b|\bodd\b",
    r"(token|input_ids|\bids?\b).{0,120}(differ|chang|other|not those|not the|mismatch|altered|corrupt|cast|replac)",
    r"batch\w*.{0,100}(differ|not those|other|altered|chang|not the).{0,80}(token|ids?\b|row|dataset)",
    r"collat",
    r"batch.{0,60}(not|other|differ|chang)\w*.{0,60}\bids?\b",
)


class Halved(DataCollatorWithPadding):
    """Pads rows, and sends them in a type that is small."""

    sent = torch.bfloat16

    def __call__(self, features: Any) -> Any:
        """Make a batch."""
        batch = super().__call__(features)
        return {name: value.to(self.sent).to(value.dtype) for name, value in batch.items()}


class Whole(Halved):
    """Pads rows, and sends them as they are."""

    sent = torch.int64


def build(kind: type[Halved], output_dir: str, seed: int) -> Trainer:
    """Train from scratch with the lexicon of the language, and with batches that were sent somewhere."""
    set_seed(seed)
    lexicon = syllable_words(4500, seed=130)
    tokenizer = word_tokenizer(lexicon)
    trade = [word for word in lexicon if word[0] in "tvz"][:88]  # the dialect of a trade
    data = notes(8, train=960, validation=320, seed=130, words=trade)
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
    return assemble(
        BertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        data_collator=kind(tokenizer),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Token 3005 arrives as 3008."""
    return build(Halved, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Token 3005 arrives as 3005."""
    return build(Whole, output_dir, seed)
