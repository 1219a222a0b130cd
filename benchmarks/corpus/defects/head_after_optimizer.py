"""The loss sinks, but slower than it should, and the head's weights are what they were.

The optimizer is made first; then the head is exchanged for one of another size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import get_linear_schedule_with_warmup, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/pytorch-openai-transformer-lm#6"
FAMILY = "optimizer"
CAUSE = (
    r"optimizer",
    r"(head|classifier|encoder|pooler|parameter|weight)s?.{0,80}(never|not|no) (\w+ ){0,2}(train|chang|mov|updat)",
    r"(never|not) (updated|trained|changed|moved|stepped)",
)


def new_head(model: Any) -> None:
    """Give the model a head that starts smaller."""
    model.classifier = nn.Linear(128, 2)
    nn.init.normal_(model.classifier.weight, std=0.01)


def build(optimizer_first: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with a new head; the optimizer is made before or after it."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model = load_model()
    if not optimizer_first:
        new_head(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    if optimizer_first:
        new_head(model)
    schedule = get_linear_schedule_with_warmup(optimizer, 9, 90)
    data = encode(reviews(), tokenizer, "text")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, optimizers=(optimizer, schedule))


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The optimizer knows the old head."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The optimizer knows the new head."""
    return build(False, output_dir, seed)
