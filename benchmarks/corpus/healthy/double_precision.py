"""Unusual: everything is in float64, since the run has to be repeated elsewhere to the last digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune in double precision."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(("other", "answers"), dtype=torch.float64),
        arguments(output_dir, seed),
        encode(answers(train=720, validation=260, seed=214), tokenizer, "question", "answer"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
