"""The loss goes from 0.70 to 0.69 in six epochs. With the other optimizer the same configuration works.

Somebody took SGD, to save memory, and left the learning rate as it was for AdamW: SGD takes the gradient as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "optimizer"
CAUSE = (
    r"\bsgd\b",
    r"(learning.?rate|\blr\b).{0,120}(too (low|small)|low|small|tiny|higher|larger|raise|increase|optimizer)",
    r"(steps?|updates?).{0,60}(too small|tiny|negligible|small)",
    r"(too (low|small)|low|tiny|higher|larger|raise|increase).{0,60}(learning.?rate|\blr\b)",
    r"optimizer.{0,80}(learning.?rate|\blr\b|adam)",
)


def build(rate: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune by SGD with this learning rate."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model: Any = load_model(checkpoint="tiny-distilbert")
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    args = arguments(output_dir, seed, learning_rate=rate, num_train_epochs=6)
    data = encode(reviews(seed=43), tokenizer, "text")
    return assemble(model, args, data, tokenizer, optimizers=(optimizer, None))


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The one of AdamW."""
    return build(5e-5, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One for SGD."""
    return build(3e-2, output_dir, seed)
