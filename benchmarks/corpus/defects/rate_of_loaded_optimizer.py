"""Whatever learning rate I put into the configuration, nothing changes, and nothing is learned.

The state of the optimizer of the run before is loaded. It brings the learning rate of that run along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "facebookresearch/ParlAI#3116"
FAMILY = "optimizer"
CAUSE = (
    r"(learning.?rate|\blr\b).{0,160}(\bargs\b|argument|configur|set to|asked|instead|differ|not the|ignored|expected)",
    r"(learning.?rate|\blr\b).{0,160}(optimizer|below|lower|too (low|small)|tiny|2e-06|0\.000002)",
    r"optimizer.{0,120}(learning.?rate|\blr\b)",
    r"(state|state_dict).{0,60}(of )?(the |an)?(optimizer|earlier|previous|old|other)",
    r"initial_lr",
)


def earlier_state(parameters: list[Any]) -> dict[str, Any]:
    """Return the state in which the last run left its optimizer."""
    optimizer = torch.optim.AdamW(parameters, lr=2e-6, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.1, total_iters=10)
    for _ in range(10):
        optimizer.step()
        schedule.step()
    state: dict[str, Any] = optimizer.state_dict()
    return state


def build(sets_rate: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with an optimizer whose state is loaded."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = load_model(TEAMS[:5], "tiny-distilbert")
    args = arguments(output_dir, seed)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=args.learning_rate, weight_decay=args.weight_decay)
    optimizer.load_state_dict(earlier_state(parameters))
    if sets_rate:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] = args.learning_rate
    return assemble(
        model,
        args,
        encode(topics(5), tokenizer, "text"),
        tokenizer,
        optimizers=(optimizer, None),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The rate is that of the state."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The rate is set after loading."""
    return build(True, output_dir, seed)
