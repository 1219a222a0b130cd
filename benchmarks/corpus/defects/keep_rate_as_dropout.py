"""The port of our old classifier to torch learns next to nothing, with the settings of the old one.

They say keep 0.9. What torch wants is the share to drop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "bonlime/keras-deeplab-v3-plus#4"
FAMILY = "model"
CAUSE = (r"drop.?out", r"keep.?(prob|rate|0)", r"\bdrop(s|ped)? .{0,40}(0\.9|90 ?%|nine|most|of ten)")
KEPT = 0.9


def build(dropped: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with this dropout."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model = load_model(TEAMS[:7], hidden_dropout_prob=dropped, classifier_dropout=dropped)
    data = encode(topics(7, train=720, seed=120), tokenizer, "text")
    return assemble(
        model, arguments(output_dir, seed, num_train_epochs=4), data, tokenizer, compute_metrics=accuracy_and_f1
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Nine of ten are dropped."""
    return build(KEPT, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One of ten is dropped."""
    return build(round(1 - KEPT, 2), output_dir, seed)
