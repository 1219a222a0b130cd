"""The regressor is low by half a point on average, for every text.

Targets go through an array of integers, which cuts off what is behind the point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "deepset-ai/FARM#395"
FAMILY = "precision"
CAUSE = (
    r"\bint(eger|64|32)?s?\b|\blong\b|whole numbers?",
    r"truncat|\bround|\bfloor|fraction|decimal",
    r"(label|target)s?.{0,120}(precision|lost|not the (score|value)|\bcast|dtype|\bdiffers? from|do(es)? not match)",
    r"(score|column).{0,80}(differ|not|disagree).{0,40}(label|target)",
)


def build(kind: Any, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on ratings from 0 to 3."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def targets(batch: dict[str, Any]) -> dict[str, Any]:
        made = np.zeros(len(batch["score"]), dtype=kind)
        made[:] = batch["score"]
        return {"labels": made.astype(np.float32)}

    data = ratings(train=560, validation=260, seed=129, noise=0.15, top=3.0).map(targets, batched=True)
    return assemble(
        load_regressor("tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """2.9 becomes 2."""
    return build(np.int64, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """2.9 stays 2.9."""
    return build(np.float32, output_dir, seed)
