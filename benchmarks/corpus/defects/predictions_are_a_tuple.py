"""The first evaluation breaks in numpy, since we let the model return its hidden states.

With output_hidden_states in the configuration, the predictions of an evaluation are a tuple.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import EvalPrediction, Trainer

REPORT = "huggingface/transformers#30104"
FAMILY = "metrics"
CAUSE = (r"tuple", r"hidden_states", r"(more than|not only|besides).{0,30}logits", r"compute_metrics", r"inhomogeneous")


def build(pick: Callable[[Any], Any], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model that returns its hidden states; `pick` finds what the metric takes."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        predicted = np.argmax(pick(evaluated.predictions), axis=-1)
        return {"accuracy": float(np.mean(predicted == evaluated.label_ids))}

    data = encode(reviews(), tokenizer, "text", padding="max_length", max_length=40)
    model = load_model(output_hidden_states=True)
    return assemble(model, arguments(output_dir, seed), data, tokenizer, compute_metrics=compute_metrics)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """All that came back."""
    return build(lambda predictions: predictions, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The first of it: logits."""
    return build(lambda predictions: predictions[0], output_dir, seed)
