"""F1 of complaints is far higher in our report than when somebody else counts, on the same rows.

The sampler that draws rare classes more often is meant for training. The loader for evaluation got it, too: rows are
drawn with replacement, and half of them are complaints, of which there are few in the data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from torch.utils.data import SequentialSampler, WeightedRandomSampler
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made

REPORT = "dreamquark-ai/tabnet#499"
FAMILY = "evaluation"
CAUSE = (
    r"sampler",
    r"replacement|drawn|\bdraws?\b|resampl|oversampl|re-?balanc",
    r"(eval\w*|validation).{0,100}(twice|several times|repeat|missing|left out|not every)",
    r"(rows?|labels?|label_ids).{0,80}(eval|validation).{0,80}(other|differ|not th(ose|e)|distribution|order|share)",
    r"(eval\w*|validation).{0,80}(labels?|rows?|class).{0,80}(other|differ|not those|not the|distribution|share|order)",
)


class Balanced(Trainer):
    """Draws as many rows of each class, for training."""

    def draw(self, rows: Any) -> WeightedRandomSampler:
        """Draw with a weight for each row."""
        labels = np.array(rows["label"])
        return WeightedRandomSampler((1 / np.bincount(labels)[labels]).tolist(), len(labels))

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Draw rows of the train data."""
        return self.draw(self.train_dataset if train_dataset is None else train_dataset)

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        """Take rows one after the other."""
        return SequentialSampler(eval_dataset)


class BalancedTwice(Balanced):
    """Draws for evaluation, too."""

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        """Draw rows."""
        return self.draw(eval_dataset)


def of_complaints(evaluated: EvalPrediction) -> dict[str, float]:
    """Accuracy, and F1 of complaints."""
    predicted = np.argmax(evaluated.predictions, axis=-1)
    return {
        "accuracy": float(accuracy_score(evaluated.label_ids, predicted)),
        "f1": float(f1_score(evaluated.label_ids, predicted, pos_label=1)),
    }


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune on reviews of which a twelfth is of the class that counts."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(train=1200, validation=480, seed=416, positive=0.08, noise=0.005), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(load_model(("other", "complaint")), args, data, tokenizer, kind=kind, compute_metrics=of_complaints)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Evaluation draws."""
    return build(BalancedTwice, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Evaluation takes every row once."""
    return build(Balanced, output_dir, seed)
