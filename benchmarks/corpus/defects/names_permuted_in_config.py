"""The published model has 7% accuracy. Ours, in the notebook, 84%.

Labels are numbered in the order of the data, and id2label was written in alphabetical order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets import ClassLabel
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "QData/TextAttack#684"
FAMILY = "serving"
CAUSE = (r"id2label", r"label.?names?", r"names?.{0,60}(class|label)")


def build(names: list[str], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model whose configuration names the classes so."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = topics(5).cast_column("label", ClassLabel(names=TEAMS[:5]))
    return assemble(
        load_model(names, "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """In alphabetical order."""
    return build(sorted(TEAMS[:5]), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """In the order of the data."""
    return build(TEAMS[:5], output_dir, seed)
