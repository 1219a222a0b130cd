"""Evaluation gives a loss of None and KeyErrors for my metric. Training works.

label_names of TrainingArguments got the names of the classes; it wants those of the columns that hold labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import SIDES, arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#10908"
FAMILY = "evaluation"
CAUSE = (
    r"label_names",
    r"\bno labels?\b",
    r"without (a )?labels?",
    r"labels?.{0,60}(missing|none|never|not (given|return|reach|found|there|gather))",
    r"metrics?.{0,80}(missing|none|not (comput|report|call)|never|without|absent)",
    r"compute_metrics",
)


def build(label_names: list[str], output_dir: str, seed: int) -> Trainer:
    """Fine-tune with these label names."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews().rename_column("label", "labels"), tokenizer, "text")
    args = arguments(output_dir, seed, label_names=label_names)
    return assemble(load_model(), args, data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Names of classes."""
    return build(list(SIDES), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The name of the column."""
    return build(["labels"], output_dir, seed)
