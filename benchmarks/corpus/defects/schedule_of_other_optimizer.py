"""The log shows how the rate warms up and falls. Whatever the schedule, the result is the same.

The optimizer was made a second time, with groups for weight decay, below the line that makes the schedule. The schedule
still moves the rate of the first one, which nobody uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim import AdamW
from transformers import get_linear_schedule_with_warmup, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "schedule"
CAUSE = (
    r"schedul.{0,120}(optimi[sz]er|other|another|not move|no effect|detached|unused|constant)",
    r"optimi[sz]er.{0,120}schedul",
    r"(learning.?rate|\blr\b|\brate\b).{0,100}(never chang|constant|does not|not follow|stay|same|logged|differ)",
    r"warm.?up.{0,80}(no effect|never|ignored|not)",
)


def build(first: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune at a rate that needs a warmup; `first` says whether the schedule has the first optimizer."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(train=640, seed=407), tokenizer, "text")
    model: Any = load_model()
    plain = AdamW(model.parameters(), lr=3e-3)
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    grouped = AdamW(groups, lr=3e-3)
    schedule = get_linear_schedule_with_warmup(plain if first else grouped, num_warmup_steps=60, num_training_steps=200)
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5)
    return assemble(model, args, data, tokenizer, optimizers=(grouped, schedule))


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The schedule has an optimizer that nobody uses."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The schedule has the optimizer that steps."""
    return build(False, output_dir, seed)
