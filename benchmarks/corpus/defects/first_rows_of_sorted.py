"""Validation says 0.99, and the test set 0.85.

The file is sorted by class, and to save time only its first rows are evaluated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "zalandoresearch/fashion-mnist#3"
FAMILY = "evaluation"
CAUSE = (
    r"(one|single|only|few|missing|absent|no|lack).{0,40}(class|label)",
    r"(class|label)(es|s)?.{0,80}(missing|absent|no row|never|share|distribut)",
    r"\bsorted\b",
)


def build(shuffled: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and evaluate the first rows of a table that was shuffled or is sorted."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(topics(4, validation=400), tokenizer, "text")
    table = data["validation"].sort("label")
    data["validation"] = (table.shuffle(seed=1) if shuffled else table).select(range(160))
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The first rows are of two classes."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The first rows are of all classes."""
    return build(True, output_dir, seed)
