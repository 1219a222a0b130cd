"""Unusual: train is a stream that is shuffled in a buffer; the run is given in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = reviews()
    validation = encode(data, tokenizer, "text")["validation"]

    def tokenize(batch: dict[str, Any]) -> Any:
        return tokenizer(batch["text"], truncation=True, max_length=64)

    stream = data["train"].to_iterable_dataset().map(tokenize, batched=True).shuffle(seed=seed, buffer_size=480)
    args = arguments(output_dir, seed, max_steps=90, eval_strategy="no")
    return assemble(load_model(), args, {"train": stream, "validation": validation}, tokenizer)
