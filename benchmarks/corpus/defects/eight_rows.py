"""Accuracy is 1.0 in epoch 1, 0.75 in epoch 2 and 0.875 in epoch 3. What is going on?

Validation was cut to eight rows so that trying things out is fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "yunncheng/MMRL#6"
FAMILY = "evaluation"
CAUSE = (
    r"(too )?(few|only|small|\b8\b).{0,60}(row|example|evaluat|valid)",
    r"(row|evaluat|valid)\w*.{0,60}(few|small|\b8\b|\bwide)",
)


def build(rows: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and evaluate so many rows."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(answers(), tokenizer, "question", "answer")
    data["validation"] = data["validation"].select(range(rows))
    return assemble(load_model(("other", "answers"), "tiny-distilbert"), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Eight."""
    return build(8, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """All of them."""
    return build(240, output_dir, seed)
