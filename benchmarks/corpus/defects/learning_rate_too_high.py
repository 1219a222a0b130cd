"""Every row gets the same class, and the loss is exactly that of guessing.

The learning rate was 5e-4; somebody read it as 0.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#735"
FAMILY = "optimizer"
CAUSE = (r"learning.?rate", r"\blr\b", r"diverg", r"(update|step)s?.{0,40}(large|big|high)")


def build(learning_rate: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune at this learning rate."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(TEAMS[:4]),
        arguments(output_dir, seed, learning_rate=learning_rate, num_train_epochs=4),
        encode(topics(4), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A thousand times too high."""
    return build(0.5, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As in the recipe."""
    return build(5e-4, output_dir, seed)
