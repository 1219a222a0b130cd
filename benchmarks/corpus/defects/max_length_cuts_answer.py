"""The pair classifier is at chance for every longer question.

The length was measured on the first texts; the two together are longer, and the end of the answer is cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import NAMES, answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/sentence-transformers#574"
FAMILY = "tokens"
CAUSE = (r"truncat", r"max_length", r"\bcut\b", r"too short", r"do not fit")


def build(max_length: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on pairs of so many tokens at most."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def quote(row: dict[str, Any], index: int) -> dict[str, Any]:
        return {"answer": f"{NAMES[index % len(NAMES)]} said that {row['answer']}"}

    pairs = answers().map(quote, with_indices=True)
    data = encode(pairs, tokenizer, "question", "answer", truncation="only_second", max_length=max_length)
    return assemble(load_model(("other", "answers"), "tiny-distilbert"), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """18 tokens are enough for a question, and for the first words of its answer."""
    return build(18, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Every pair fits."""
    return build(48, output_dir, seed)
