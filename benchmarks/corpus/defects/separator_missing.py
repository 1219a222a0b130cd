"""The pair model is a few points behind the one of the paper, with the same recipe.

The two texts are joined with a blank, so that the model sees one sentence without a separator and one segment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "gabeur/mmt#3"
FAMILY = "tokens"
CAUSE = (r"\[?sep\]?\b", r"separator", r"special token", r"segment", r"token_type", r"(as a|text).pair")


def build(joined: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on question and answer, as one text or as a pair."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = answers()
    if joined:

        def tokenize(batch: dict[str, Any]) -> Any:
            texts = [f"{one} {other}" for one, other in zip(batch["question"], batch["answer"], strict=True)]
            return tokenizer(texts, truncation=True, max_length=64, add_special_tokens=False)

        data = data.map(tokenize, batched=True)
    else:
        data = encode(data, tokenizer, "question", "answer")
    return assemble(load_model(("other", "answers")), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One text without special tokens."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A pair."""
    return build(False, output_dir, seed)
