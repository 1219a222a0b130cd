"""The evaluation loss is a hundred times the training loss, and grows while the model gets better.

Targets are brought to mean 0 and deviation 1 for training. Those of the validation rows were forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "OpenADMET/openadmet-models#579"
FAMILY = "data"
CAUSE = (
    r"\bscal(e|es|er|ed|ing)\b|rescal",
    r"normali[sz]|standardi[sz]",
    r"(label|target|score)s?.{0,100}(range|mean|spread|deviation|distribut|shift|unit|magnitude)",
    r"(range|mean|spread|deviation|distribut|unit|magnitude)\w*.{0,60}(label|target|score)",
    r"(train|valid|eval)\w*.{0,80}(label|target)s?.{0,80}(differ|other|not the|apart|unlike|outside)",
)


def build(both: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on standardized targets."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = ratings(train=560, seed=112, top=10.0)
    mean, deviation = np.mean(data["train"]["score"]), np.std(data["train"]["score"])

    def standardized(row: dict[str, Any]) -> dict[str, float]:
        return {"labels": float((row["score"] - mean) / deviation)}

    data["train"] = data["train"].map(standardized)
    told = standardized if both else lambda row: {"labels": row["score"]}
    data["validation"] = data["validation"].map(told)
    return assemble(
        load_regressor(),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Validation has points from 0 to 10."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Validation is standardized by the mean and deviation of train."""
    return build(True, output_dir, seed)
