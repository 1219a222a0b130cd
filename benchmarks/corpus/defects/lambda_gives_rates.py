"""The learning rate in the log is 1e-6 where I set 1e-3.

LambdaLR wants a factor, and our function returns the rate: the rate is multiplied by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "lhoyer/MIC#60"
FAMILY = "schedule"
CAUSE = (
    r"schedul",
    r"lambda",
    r"(learning.?rate|\blr\b).{0,160}(factor|multipl|squared|below|lower|far from|never|tiny|too (low|small)|instead)",
    r"(learning.?rate|\blr\b).{0,160}(not the|expected|configured|\bargs\b|set to|e-0\d|peak|reach)",
    r"(peak|highest|maximum|max).{0,40}(learning.?rate|\blr\b)",
)
STEPS = 160


def build(unit: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; the function of the schedule is given in this unit."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = load_model(("other", "answers"), "tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=args.weight_decay)

    def inverse_decay(step: int) -> float:
        return unit * min(1.0, (step + 1) / 16) / (1 + 4 * step / STEPS)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, inverse_decay)
    data = encode(answers(), tokenizer, "question", "answer")
    return assemble(model, args, data, tokenizer, optimizers=(optimizer, schedule))


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It returns rates."""
    return build(1e-3, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """It returns factors."""
    return build(1.0, output_dir, seed)
