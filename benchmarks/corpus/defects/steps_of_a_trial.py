"""Three epochs take two seconds since Friday. And the model is bad.

max_steps is still there from trying whether the script starts; it wins over the epochs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "schedule"
CAUSE = (
    r"max_steps",
    r"(too few|only|few|fewer).{0,30}(step|epoch)",
    r"(row|example)s?.{0,60}(never|not) (seen|drawn|trained)",
    r"epochs?.{0,40}(fewer|of \d|instead|not run|early|set)",
)


def build(steps: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune for so many steps, or as many epochs as are set."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed, max_steps=steps),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Twelve steps."""
    return build(12, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Three epochs."""
    return build(-1, output_dir, seed)
