"""The pipeline's names are right. The evaluator that turns the names of our test file into numbers finds all wrong.

id2label was written anew for this data, label2id is still that of an older list, in another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#28589"
FAMILY = "serving"
CAUSE = (
    r"label2id",
    r"id2label.{0,100}(disagree|contradict|inverse|differ|mismatch|inconsist|other)",
    r"(names?|labels?).{0,60}(to|and|into) (numbers?|ids?).{0,80}(disagree|contradict|inverse|differ|mismatch|other)",
)

NAMES = ("sports", "music", "energy", "health", "school")
OLDER = ("energy", "health", "music", "school", "sports")


def build(names: tuple[str, ...], output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and number the names by this list."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model: Any = load_model(NAMES, "tiny-distilbert")
    model.config.label2id = {name: number for number, name in enumerate(names)}
    data = encode(topics(5, seed=426), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """By the older one."""
    return build(OLDER, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """By that of the data."""
    return build(NAMES, output_dir, seed)
