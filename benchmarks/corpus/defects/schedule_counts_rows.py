"""The learning rate does not decay: it is in the log as I set it until the end.

The schedule was told how many rows there are where it wants the number of steps, and the run ends at its beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import get_cosine_schedule_with_warmup, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "vllm-project/speculators#1104"
FAMILY = "schedule"
CAUSE = (r"warm.?up", r"schedule", r"learning.?rate", r"\blr\b")


def build(steps_per_epoch: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on 640 rows in batches of 16, with a schedule for so many steps an epoch."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = load_model(("other", "answers"), "tiny-distilbert")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, 12, 3 * steps_per_epoch)
    data = encode(answers(train=640), tokenizer, "question", "answer")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, optimizers=(optimizer, schedule))


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """640 steps an epoch."""
    return build(640, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """40 steps an epoch."""
    return build(40, output_dir, seed)
