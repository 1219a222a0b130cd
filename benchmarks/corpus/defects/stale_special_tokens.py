"""Trained with one release, served with another: the API is right half of the time.

The rows were tokenized and stored by a release that did not add special tokens by itself; today's tokenizer adds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "versions"
CAUSE = (
    r"\[?(cls|sep)\]?\b",
    r"special token",
    r"(token|input_ids|id)s?.{0,80}(not those|differ|stale|not what|mismatch|again)",
    r"tokenizer.{0,60}(give|again|differ|other)",
)


def build(add_special_tokens: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on rows with or without special tokens."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text", add_special_tokens=add_special_tokens)
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Without."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """With."""
    return build(True, output_dir, seed)
