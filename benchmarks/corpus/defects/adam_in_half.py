"""One step, and every weight is NaN. Gradients and loss of that step are as they should be.

The whole model is in float16, its optimizer with it. The 1e-8 that Adam adds to its denominator is zero there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "afiaka87/glide-finetune#5"
FAMILY = "precision"
CAUSE = (r"float.?16|fp16|\bhalf\b|precision|dtype", r"\beps\b|epsilon|underflow|denominator|adam_epsilon")


def build(kind: Any, output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model in this type."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(checkpoint="tiny-distilbert", dtype=kind),
        arguments(output_dir, seed, num_train_epochs=3, per_device_train_batch_size=32, learning_rate=2e-3),
        encode(reviews(train=480, seed=331), tokenizer, "text"),
        tokenizer,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """In float16."""
    return build(torch.float16, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """In float32."""
    return build(torch.float32, output_dir, seed)
