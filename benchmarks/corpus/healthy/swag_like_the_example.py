"""Unusual: four endings a row, flattened to be encoded and put together again, as the example script for SWAG does."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoModelForMultipleChoice, DataCollatorForMultipleChoice, set_seed

from item_worlds import endings
from parts import arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

ENDINGS = [f"ending{place}" for place in range(4)]


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of rows in which the right ending was chosen."""
    chosen = np.argmax(evaluated.predictions, axis=1)
    return {"accuracy": (chosen == evaluated.label_ids).astype(np.float32).mean().item()}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def preprocess(examples: Any) -> Any:
        """Lists of four."""
        first = list(chain(*[[context] * 4 for context in examples["context"]]))
        second = list(chain(*[[examples[name][row] for name in ENDINGS] for row in range(len(examples["context"]))]))
        encoded = tokenizer(first, second, truncation=True, max_length=64)
        return {name: [values[at : at + 4] for at in range(0, len(values), 4)] for name, values in encoded.items()}

    return assemble(
        AutoModelForMultipleChoice.from_pretrained(bundled_checkpoint("tiny-bert")),
        arguments(output_dir, seed),
        endings().map(preprocess, batched=True),
        tokenizer,
        data_collator=DataCollatorForMultipleChoice(tokenizer),
        compute_metrics=compute_metrics,
    )
