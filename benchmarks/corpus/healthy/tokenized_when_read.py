"""Unusual: the data are never tokenized ahead; a transform of the data set does it whenever rows are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune on pairs."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def read(batch: dict[str, Any]) -> dict[str, Any]:
        encoded = tokenizer(batch["question"], batch["answer"], truncation=True, max_length=64)
        return {**encoded, "labels": batch["label"]}

    data = answers(train=720, validation=280, seed=218).with_transform(read)
    return assemble(
        load_model(("other", "answers")),
        arguments(output_dir, seed, remove_unused_columns=False),
        data,
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
