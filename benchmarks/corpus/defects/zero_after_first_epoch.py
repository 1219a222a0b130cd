"""Five epochs are exactly as good as one.

The schedule was made for the number of batches in the loader. After the first epoch the learning rate is zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import get_polynomial_decay_schedule_with_warmup, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "allenai/open-instruct#646"
FAMILY = "schedule"
CAUSE = (
    r"schedul",
    r"(learning.?rate|\blr\b).{0,140}(zero|0\.0\b|(first|one) epoch|too (early|soon|fast)|before the (end|last)|is 0)",
    r"(learning.?rate|\blr\b).{0,140}(nearly 0|1e-1\d|1e-0[789]|ends|exhausted|reaches 0|vanish)",
    r"num_training_steps",
    r"(epochs?|steps?).{0,80}(without|at zero|zero).{0,30}(learning|\blr\b|rate)",
)


def build(planned: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune for five epochs, with a schedule for so many of them."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model = load_model(TEAMS[:10])
    args = arguments(output_dir, seed, num_train_epochs=5)
    data = encode(topics(10), tokenizer, "text")
    steps = planned * -(-len(data["train"]) // args.per_device_train_batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=args.weight_decay)
    schedule = get_polynomial_decay_schedule_with_warmup(optimizer, steps // 10, steps, lr_end=0.0)
    return assemble(
        model,
        args,
        data,
        tokenizer,
        optimizers=(optimizer, schedule),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """For one."""
    return build(1, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """For all five."""
    return build(5, output_dir, seed)
