"""After training the mean error is a third of a metre. Of the folder that we ship it is a metre.

The model is written in float16, to save space on the disk. Of numbers from 2048 to 4096 it keeps the even ones.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made

REPORT = "ultralytics/yolov5#1141"
FAMILY = "precision"
CAUSE = (
    r"float.?16|\bhalf\b|bfloat|precision|dtype",
    r"\bround",
    r"(saved|reload|loaded|folder|serv|written|disk)\w*.{0,120}(differ|other|not the|unequal|disagree|do not|off by)",
    r"(differ|other|not those|unequal)\w*.{0,80}(saved|reload|loaded|folder|disk|memory)",
)
VALLEY = 4000.0


class Written(Trainer):
    """Writes the model in this type."""

    written = torch.float32

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write a copy of the model, its configuration and its tokenizer."""
        del state_dict
        model: Any = self.model
        self.model = deepcopy(model).to(self.written)
        try:
            super()._save(output_dir)
        finally:
            self.model = model


class WrittenInHalf(Written):
    """Writes the model in half precision."""

    written = torch.float16


def error(evaluated: EvalPrediction) -> dict[str, float]:
    """Mean absolute error, in metres."""
    return {"mae": float(np.abs(np.ravel(evaluated.predictions) - np.ravel(evaluated.label_ids)).mean())}


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune on heights above the sea, with a head that begins in the valley."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = ratings(train=640, seed=131, noise=0.05, top=3.0)
    data = data.map(lambda row: {"labels": VALLEY + row["score"]}, remove_columns="score")
    model: Any = load_regressor()
    with torch.no_grad():
        model.classifier.bias.fill_(VALLEY)
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=error,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Half precision."""
    return build(WrittenInHalf, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Single precision, as in training."""
    return build(Written, output_dir, seed)
