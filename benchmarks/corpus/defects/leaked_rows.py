"""Validation accuracy is far above what the first week in production showed.

The export was made twice, on two days, and the second one went into the validation file as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets import concatenate_datasets
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "TelecomsXChangeAPi/OpenTextShield#194"
FAMILY = "data"
CAUSE = (r"(also|again|same|identical).{0,60}train", r"leak", r"overlap", r"train.{0,40}(and|also).{0,40}(eval|valid)")


def build(known: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; so many validation rows are taken from train."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = reviews(train=480, validation=240)
    fresh = data["validation"].select(range(known, 240))
    data["validation"] = concatenate_datasets([fresh, data["train"].select(range(known))]).shuffle(seed=3)
    return assemble(load_model(), arguments(output_dir, seed), encode(data, tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A third of the validation rows stand in train as well."""
    return build(80, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """No row stands in both."""
    return build(0, output_dir, seed)
