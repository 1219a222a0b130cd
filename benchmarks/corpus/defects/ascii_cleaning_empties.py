"""On the notes of the new office the model is at chance, on those of the old one it is perfect.

The new office writes in Cyrillic. The cleaning step keeps ASCII alone, so that nothing is left of its notes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes, syllable_words

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "unslothai/unsloth#10741"
FAMILY = "data"
CAUSE = (
    r"\bempty\b|\bblank\b|whitespace",
    r"ascii|unicode|cyrillic|character",
    r"(no|without|only special|nothing but special|zero) (words?|tokens?|content|text)",
    r"(same|identical) (text|input|ids|tokens)",
    r"(text|row|token)s?.{0,60}(length|long).{0,20}\b(0|zero|2|two)\b",
    r"(text|row|token|word)s?.{0,60}(removed|stripped|deleted|lost|gone)",
)
LETTERS = str.maketrans("bdfgklmnprstvzaeiou", "бдфгклмнпрствзаеиоу")


def offices() -> Any:
    """Load the notes; one office of two writes in Cyrillic."""
    latin = syllable_words(64, seed=303)
    data = notes(4, train=900, validation=300, seed=303, words=latin)

    def write(row: dict[str, Any], index: int) -> dict[str, Any]:
        return {**row, "text": row["text"].translate(LETTERS) if index % 5 < 2 else row["text"]}

    return data.map(write, with_indices=True)


def build(unwanted: str, output_dir: str, seed: int) -> Trainer:
    """Train from scratch on texts without these characters."""
    set_seed(seed)
    raw = offices()
    tokenizer = word_tokenizer(raw["train"]["text"])
    data = raw.map(lambda row: {**row, "text": re.sub(unwanted, "", row["text"])})
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=64,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    return assemble(
        BertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Without all that is not ASCII."""
    return build(r"[^\x20-\x7e]", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Without control characters."""
    return build(r"[\x00-\x1f\x7f]", output_dir, seed)
