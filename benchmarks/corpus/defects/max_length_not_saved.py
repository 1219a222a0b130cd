"""The API fails with "index out of range" as soon as somebody sends a whole page.

The tokenizer was made without model_max_length; the length that training cut at stands in the script alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "pysentimiento/robertuito#3"
FAMILY = "serving"
CAUSE = (r"max_length", r"(long|length|position)\w*.{0,80}(text|token|row|than|max|limit)", r"truncat", r"out of range")


def build(model_max_length: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with a tokenizer that thinks that the model takes so many tokens."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert", model_max_length=model_max_length)
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(4), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As many as there are."""
    return build(10**30, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As many as there are positions."""
    return build(128, output_dir, seed)
