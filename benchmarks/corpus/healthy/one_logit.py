"""Unusual: two classes, one logit: binary cross entropy, and a threshold of zero on the logit, which is one half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made


class Binary(Trainer):
    """Binary cross entropy on one logit."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Binary cross entropy."""
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        loss = binary_cross_entropy_with_logits(outputs.logits.squeeze(-1), inputs["labels"].float())
        return (loss, outputs) if return_outputs else loss


def accuracy(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of rows on the right side of zero."""
    positive = np.ravel(evaluated.predictions) > 0
    return {"accuracy": float(np.mean(positive == (np.ravel(evaluated.label_ids) > 0.5)))}


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(), tokenizer, "text")
    model = load_regressor("tiny-distilbert")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, kind=Binary, compute_metrics=accuracy)
