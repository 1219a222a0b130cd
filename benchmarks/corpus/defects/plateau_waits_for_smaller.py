"""Accuracy rises with every epoch, and the schedule cuts the rate to a tenth as if nothing went on.

The plateau schedule watches accuracy, and its mode was left at "min": what grows counts as no progress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "md-mohaiminul/ViS4mer#4"
FAMILY = "schedule"
CAUSE = (
    r"plateau",
    r"\bmode\b",
    r"(learning.?rate|\blr\b|schedul).{0,120}(accuracy|metric|improv|min\b|max\b|direction|better|fall|fell|cut|reduc|drop)",
    r"(accuracy|metric).{0,100}(learning.?rate|\blr\b|schedul)",
)


def build(mode: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with a rate that is cut when accuracy makes no progress."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        learning_rate=2e-4,
        num_train_epochs=8,
        warmup_steps=0,
        lr_scheduler_type="reduce_lr_on_plateau",
        lr_scheduler_kwargs={"mode": mode, "factor": 0.1, "patience": 0},
        metric_for_best_model="accuracy",
    )
    return assemble(
        load_model(TEAMS[:7], "tiny-distilbert"),
        args,
        encode(topics(7, train=640, seed=406), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The default."""
    return build("min", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Greater is better."""
    return build("max", output_dir, seed)
