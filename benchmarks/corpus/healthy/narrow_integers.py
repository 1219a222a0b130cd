"""Unusual: to save space, ids are kept in 16 bits, masks and labels in 8; batches are made of them with 64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import Sequence, Value
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data: Any = encode(topics(9, train=800, seed=412), tokenizer, "text")
    narrow = {
        "label": Value("int8"),
        "input_ids": Sequence(Value("int16")),
        "token_type_ids": Sequence(Value("int8")),
        "attention_mask": Sequence(Value("int8")),
    }
    for name, kind in narrow.items():
        data = data.cast_column(name, kind)
    return assemble(
        load_model(TEAMS[:9]),
        arguments(output_dir, seed, num_train_epochs=5),
        data,
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
