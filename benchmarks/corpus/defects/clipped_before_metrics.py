"""The correlation on validation is far lower than on train, and the error is large, whatever the loss says.

Predictions are clipped to the range from 0 to 1 before the metric gets them, as in the project that the function was
written for. Scores go up to five here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    import torch
    from transformers import Trainer

REPORT = ""
FAMILY = "metrics"
CAUSE = (
    r"preprocess_logits_for_metrics",
    r"clip|clamp|cut off|truncat|saturat",
    r"predictions?.{0,120}(range|between 0 and 1|above 1|at most 1|never exceed|(not what|other than) the model)",
    r"(metric|evaluat)\w*.{0,80}(not|other than|differ).{0,40}(the model'?s?|forward)",
)


def clipped(logits: torch.Tensor, labels: Any) -> torch.Tensor:
    """Keep predictions in the range of scores."""
    del labels
    return logits.squeeze(-1).clamp(0, 1)


def flat(logits: torch.Tensor, labels: Any) -> torch.Tensor:
    """Drop the last axis, which has one entry."""
    del labels
    return logits.squeeze(-1)


def build(prepare: Any, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on texts whose score goes from zero to five."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(ratings(train=640, seed=423, top=5.0).rename_column("score", "label"), tokenizer, "text")
    return assemble(
        load_regressor(),
        arguments(output_dir, seed, num_train_epochs=5),
        data,
        tokenizer,
        compute_metrics=correlation,
        preprocess_logits_for_metrics=prepare,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Clipped to another range."""
    return build(clipped, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As they are."""
    return build(flat, output_dir, seed)
