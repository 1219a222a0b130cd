"""The learning rate in the logs only ever goes up, and the run ends before it is where I set it.

500 warmup steps are right for the full data; this is the small one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "gaoyixu/CAIL2020-Argument-Mining#1"
FAMILY = "schedule"
CAUSE = (r"warm.?up", r"schedule", r"learning.?rate", r"\blr\b")


def build(warmup_steps: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune in 90 steps, of which so many warm up."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed, warmup_steps=warmup_steps), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """500 of 90."""
    return build(500, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """9 of 90."""
    return build(9, output_dir, seed)
