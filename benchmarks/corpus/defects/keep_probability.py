"""Ported from a TensorFlow 1 script with the same numbers, the model hardly learns.

The script says keep_prob=0.9, and 0.9 was written where the configuration wants the share that is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "piergiaj/pytorch-i3d#58"
FAMILY = "versions"
CAUSE = (
    r"dropout",
    r"keep.?prob",
    r"drop\w*.{0,40}(0\.9|90 ?%|most|rate|prob|share)",
    r"(train|training) mode.{0,100}(differ|noise|noisy|random)",
)


def build(dropped: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; this share of activations is dropped in training."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model = load_model(("other", "answers"), hidden_dropout_prob=dropped)
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(model, args, encode(answers(seed=56), tokenizer, "question", "answer"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """What the script keeps."""
    return build(0.9, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """What the script drops."""
    return build(0.1, output_dir, seed)
