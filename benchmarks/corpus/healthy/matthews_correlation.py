"""Unusual: judged by Matthews correlation alone, and logits are thinned out before they are gathered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import matthews_corrcoef
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


def half_precision(logits: Any, labels: Any) -> Any:
    """Halve the memory of the gathered logits."""
    del labels
    return logits.half()


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Matthews correlation."""
    predicted = np.argmax(evaluated.predictions, axis=-1)
    return {"matthews": float(matthews_corrcoef(evaluated.label_ids, predicted))}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(answers(), tokenizer, "question", "answer")
    return assemble(
        load_model(("other", "answers"), "tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        tokenizer,
        compute_metrics=compute_metrics,
        preprocess_logits_for_metrics=half_precision,
    )
