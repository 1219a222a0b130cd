"""Batches of one give other answers than batches of sixty-four, and worse ones.

The tokenizer was told to pad on the left, as for a text generator; this classifier reads the first position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/sentence-transformers#3208"
FAMILY = "batches"
CAUSE = (
    r"padding.?side",
    r"\bleft\b",
    r"(pool|first|cls|\[cls\]).{0,80}\bpad",
    r"\bpad\w*.{0,100}(position|side|first|differ|chang|depend|batch|alone|answer|logit|predict)",
    r"(batch|alone|together|company|neighbo\w+|longer).{0,120}(differ|chang|depend|not the same|other)",
    r"(logit|predict|answer|score)\w*.{0,80}(chang|depend|differ|vary|varies).{0,80}(batch|pad|alone|company)",
)


def build(side: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with padding on that side."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert", padding_side=side)
    data = encode(topics(8, train=720, seed=117), tokenizer, "text")
    return assemble(
        load_model(TEAMS[:8], "tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The first position holds padding."""
    return build("left", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The first position holds [CLS]."""
    return build("right", output_dir, seed)
