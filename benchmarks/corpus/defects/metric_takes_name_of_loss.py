"""The plot of the validation loss has steps, as if it were counted, and it lies far below the one of train.

The metric function returns the share of wrong answers, and calls it "loss". With its prefix that is eval_loss, and the
mean of the losses is overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import accuracy_score, zero_one_loss
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = ""
FAMILY = "metrics"
CAUSE = (
    r"eval_loss",
    r"compute_metrics",
    r"(key|name|named|called|returns).{0,40}\bloss\b",
    r"\bloss\b.{0,100}(overwrit|replac|not the (mean|loss)|recomput|shadow|hid(es|den)|differ|disagree|instead)",
)


def build(name: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with a metric of this name, and keep the epoch with the smallest loss."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def scores(evaluated: EvalPrediction) -> dict[str, float]:
        predicted = np.argmax(evaluated.predictions, axis=-1)
        return {
            "accuracy": float(accuracy_score(evaluated.label_ids, predicted)),
            name: float(zero_one_loss(evaluated.label_ids, predicted)),
        }

    args = arguments(
        output_dir,
        seed,
        num_train_epochs=4,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
    )
    data = encode(topics(6, seed=420, noise=0.08), tokenizer, "text")
    return assemble(load_model(TEAMS[:6]), args, data, tokenizer, compute_metrics=scores)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As the Trainer calls its own."""
    return build("loss", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A name of its own."""
    return build("errors", output_dir, seed)
