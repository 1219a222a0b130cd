"""The loss goes down nicely, but validation accuracy is below chance.

The names of the classes are turned into numbers for each split by itself, in the order in which they turn up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "scikit-learn/scikit-learn#10324"
FAMILY = "data"
CAUSE = (
    r"labels?.{0,80}(permut|another order|other order|different(ly)? (number|map|mean|cod|encod)|exchang|swapp|remap)",
    r"(permut|swapp|exchang|remap)\w*.{0,40}(label|class)",
    r"(number|encod|mean)\w*.{0,40}(differ|other|not the same).{0,40}(split|train|eval)",
)


def build(separately: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on labels that are numbered in the order in which they turn up: in each split, or in train."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data: Any = topics(5)
    names = {split: [TEAMS[label] for label in data[split]["label"]] for split in data}
    known = list(pd.unique(pd.Series(names["train"])))
    for split, column in names.items():
        order = list(pd.unique(pd.Series(column))) if separately else known
        data[split] = data[split].remove_columns("label").add_column("label", [order.index(name) for name in column])
    return assemble(
        load_model(known, "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Each split has numbers of its own."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The numbers are those of train."""
    return build(False, output_dir, seed)
