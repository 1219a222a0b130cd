"""The area under the curve is 0.01, and accuracy is above 0.9. Somebody joked that we should do the opposite.

The score is taken from the first column of the probabilities, which is the one of the negative class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "automl/nanoTabPFN#6"
FAMILY = "metrics"
CAUSE = (
    r"column",
    r"(negative|wrong|other|first|opposite) class|class 0",
    r"\bauc\b.{0,120}(0\.5|half|chance|invert|inverse|1 ?-|recomput|differ|disagree|opposite|other way|worse than)",
    r"(average.precision|roc).{0,120}(recomput|differ|disagree|invert|opposite|chance)",
    r"compute_metrics",
)


def build(column: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and score by this column."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def scores(evaluated: EvalPrediction) -> dict[str, float]:
        chances = softmax(evaluated.predictions, axis=-1)[:, column]
        return {
            "accuracy": float(accuracy_score(evaluated.label_ids, np.argmax(evaluated.predictions, axis=-1))),
            "auc": float(roc_auc_score(evaluated.label_ids, chances)),
            "average_precision": float(average_precision_score(evaluated.label_ids, chances)),
        }

    data = encode(answers(train=720, seed=419), tokenizer, "question", "answer")
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(load_model(("other", "answers")), args, data, tokenizer, compute_metrics=scores)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The first one."""
    return build(0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The second one."""
    return build(1, output_dir, seed)
