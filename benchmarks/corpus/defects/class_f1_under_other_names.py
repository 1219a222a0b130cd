"""The report says that banking is weak, so we labelled more of banking. It is shipping that is weak.

F1 of each class comes in the order of the numbers; the names that it is reported under are in alphabetical order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import f1_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "activetigger/activetigger#849"
FAMILY = "metrics"
CAUSE = (
    r"(names?|keys?|classes|class).{0,120}(order|swap|permut|exchang|mixed|alphabet|sorted|wrong|other class|mislabel)",
    r"f1_\w+.{0,120}(recomput|differ|other|disagree|reported|instead|belongs)",
    r"compute_metrics",
    r"(metric|score|f1).{0,60}(of|for) (an)?other class",
)

NAMES = ("shipping", "returns", "billing", "travel", "banking")


def build(names: list[str], output_dir: str, seed: int) -> Trainer:
    """Fine-tune on classes of which some are rare; the metric has the names in this order."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def scores(evaluated: EvalPrediction) -> dict[str, float]:
        predicted = np.argmax(evaluated.predictions, axis=-1)
        each = f1_score(evaluated.label_ids, predicted, average=None, labels=range(len(names)), zero_division=0)
        return {"f1": float(np.mean(each))} | {f"f1_{name}": float(one) for name, one in zip(names, each, strict=True)}

    data = topics(5, train=640, validation=400, seed=421, shares=(0.06, 0.3, 0.28, 0.22, 0.14))
    args = arguments(output_dir, seed, num_train_epochs=5)
    model = load_model(NAMES, "tiny-distilbert")
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, compute_metrics=scores)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """In alphabetical order."""
    return build(sorted(NAMES), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """In the order of the numbers."""
    return build(list(NAMES), output_dir, seed)
