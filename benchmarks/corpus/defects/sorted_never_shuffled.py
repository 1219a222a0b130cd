"""The loss goes to zero, jumps, goes to zero, jumps ... and at the end one class is predicted.

The table is sorted by class and rows are taken in its order, since reading is faster that way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "Nerogar/OneTrainer#96"
FAMILY = "samplers"
CAUSE = (r"shuffl", r"\bsorted\b", r"(in|same|the) order\b", r"(batch|epoch).{0,60}(one|same|single) (class|label)")


def build(strategy: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on rows that are sorted by class, drawn with this strategy."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = topics(5)
    data["train"] = data["train"].sort("label")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed, train_sampling_strategy=strategy),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One after the other."""
    return build("sequential", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """At random."""
    return build("random", output_dir, seed)
