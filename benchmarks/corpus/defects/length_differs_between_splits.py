"""Validation is worse the longer the text is, train is not.

The evaluation script has its own call of the tokenizer, with a max_length from the times of short texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import DatasetDict
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "tokens"
CAUSE = (r"truncat", r"max_length", r"\bcut\b", r"too short", r"do not fit", r"length.{0,60}(differ|other|shift)")


def build(max_length: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; validation texts have so many tokens at most."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data: Any = reviews()
    data = DatasetDict(
        {
            "train": encode(DatasetDict(rows=data["train"]), tokenizer, "text")["rows"],
            "validation": encode(DatasetDict(rows=data["validation"]), tokenizer, "text", max_length=max_length)[
                "rows"
            ],
        }
    )
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Validation keeps twelve tokens."""
    return build(12, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Both splits keep 64."""
    return build(64, output_dir, seed)
