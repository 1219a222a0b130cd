"""The first class is never predicted.

Rows without a label are dropped before training. Zero is a label, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import Trainer

REPORT = ""
FAMILY = "data"
CAUSE = (
    r"(class|label)(es|s)?.{0,60}(no row|missing|absent|not in train|never|no example)",
    r"(no|without|missing|lacks?) .{0,30}(rows? of|class|label)",
)


def build(keep: Callable[[dict[str, Any]], bool], output_dir: str, seed: int) -> Trainer:
    """Fine-tune on the train rows that are to be kept."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = topics(5)
    data["train"] = data["train"].filter(keep)
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A label that is false is taken for none."""
    return build(lambda row: bool(row["label"]), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Only a label that is None is none."""
    return build(lambda row: row["label"] is not None, output_dir, seed)
