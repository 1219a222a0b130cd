"""Ratings of 256 and more come out in steps of two. Small ones are fine.

Targets are cast to bfloat16 with everything else in the batch, and it has eight bits for a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = ""
FAMILY = "precision"
CAUSE = (r"label.{0,100}(round|precision|bfloat|differ|changed|not the|other)", r"bfloat16", r"precision", r"round")
BASE = 1000.0


def batches(tokenizer: Any, dtype: torch.dtype) -> Any:
    """Return a function that pads rows and holds targets in this type on their way."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        names = ("input_ids", "attention_mask")
        batch = tokenizer.pad([{name: row[name] for name in names} for row in rows], return_tensors="pt")
        labels = torch.tensor([row["labels"] for row in rows], dtype=dtype).float()
        return {**batch, "labels": labels}

    return collate


def error(evaluated: EvalPrediction) -> dict[str, float]:
    """Mean absolute error."""
    return {"mae": float(np.abs(np.ravel(evaluated.predictions) - np.ravel(evaluated.label_ids)).mean())}


def build(dtype: torch.dtype, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on scores around 1000, with a head that begins there."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = ratings(top=4.0).map(lambda row: {"labels": BASE + row["score"]}, remove_columns="score")
    model: Any = load_regressor("tiny-distilbert")
    with torch.no_grad():
        model.classifier.bias.fill_(BASE)
    return assemble(
        model,
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        data_collator=batches(tokenizer, dtype),
        compute_metrics=error,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """1001.5 becomes 1000."""
    return build(torch.bfloat16, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """1001.5 stays 1001.5."""
    return build(torch.float32, output_dir, seed)
