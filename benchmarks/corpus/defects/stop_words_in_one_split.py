"""Accuracy on train is 10 points above validation from the first step on.

A clean-up step of an older pipeline takes stop words out of the train texts only, "not" among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "data"
STOP_WORDS = {"the", "was", "said", "that", "and", "not"}
CAUSE = (
    r"(word|token|text|length)s?.{0,80}(only in|not in|never in|missing|shift|distribut)",
    r"(distribution|shift|drift|preprocess)",
    r"(train|eval\w*|validation).{0,60}(text|token|word|length)s?.{0,60}(differ|other|shorter|longer)",
)


def build(cleaned: tuple[str, ...], output_dir: str, seed: int) -> Trainer:
    """Fine-tune; the texts of these splits lose their stop words."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def clean(row: dict[str, Any]) -> dict[str, Any]:
        return {"text": " ".join(word for word in row["text"].split() if word not in STOP_WORDS)}

    data = reviews()
    for split in cleaned:
        data[split] = data[split].map(clean)
    return assemble(load_model(), arguments(output_dir, seed), encode(data, tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train is cleaned, validation is not."""
    return build(("train",), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Nothing is cleaned."""
    return build((), output_dir, seed)
