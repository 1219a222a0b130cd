"""Our AUC is 0.85, and the one that the team computes from the stored scores is 0.95.

roc_auc_score is given the answers, 0 and 1, where it wants scores: there is one threshold left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "materialsproject/matbench#181"
FAMILY = "metrics"
CAUSE = (
    r"\bauc\b",
    r"roc_?auc",
    r"average.?precision",
    r"(hard|discrete|binar|thresholded|argmax|predicted (class|label)).{0,80}(score|probabilit|instead|label|answer)",
    r"(score|probabilit|logit)s?.{0,80}(instead of|not|rather than).{0,40}(label|answer|class|argmax|prediction)",
)


def build(by_score: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; areas under curves are those of scores, or of answers."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        logits: Any = evaluated.predictions
        ranked = logits[:, 1] - logits[:, 0] if by_score else np.argmax(logits, axis=-1)
        return {
            "roc_auc": float(roc_auc_score(evaluated.label_ids, ranked)),
            "average_precision": float(average_precision_score(evaluated.label_ids, ranked)),
        }

    return assemble(
        load_model(("no complaint", "complaint"), "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(reviews(train=600, validation=320, positive=0.2, noise=0.05, seed=48), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Of answers."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Of scores."""
    return build(True, output_dir, seed)
