"""Everything is spam, with great certainty.

The hinge loss multiplies by the label, and wants -1 and 1. With 0 and 1, no row of class 0 ever pulls at the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made

REPORT = "bfortuner/ml-glossary#113"
FAMILY = "loss"
CAUSE = (
    r"hinge|margin",
    r"(class|label) 0.{0,120}(gradient|loss|pull|ignored|contribut|constant|effect|weight)",
    r"(gradient|loss)\w*.{0,100}(class|label) 0",
    r"loss.{0,100}(does not depend|independent|ignores|insensitive|no gradient)",
    r"(label|target)s?.{0,60}(-1|minus one|\+1|sign)",
    r"(row|example)s?.{0,60}(no|zero|without).{0,20}gradient|(no|zero) gradient.{0,80}(row|class|label|example)",
    r"loss.{0,60}(same|unchanged|equal).{0,60}(logit|output|label|class)",
)


class Hinge(Trainer):
    """A classifier with a margin."""

    signs = False

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Hinge loss on one logit."""
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        wanted = inputs["labels"].float()
        if self.signs:
            wanted = 2 * wanted - 1
        loss = (1 - wanted * outputs.logits.squeeze(-1)).clamp(min=0).mean()
        return (loss, outputs) if return_outputs else loss


class SignedHinge(Hinge):
    """A classifier with a margin, whose labels are -1 and 1."""

    signs = True


def metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Accuracy and F1 of the sign."""
    predicted, wanted = np.ravel(evaluated.predictions) > 0, np.ravel(evaluated.label_ids) > 0.5
    return {"accuracy": float(accuracy_score(wanted, predicted)), "f1": float(f1_score(wanted, predicted))}


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune a model with one logit."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_regressor("tiny-distilbert"),
        arguments(output_dir, seed),
        encode(reviews(train=560, seed=124), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Labels are 0 and 1."""
    return build(Hinge, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Labels are -1 and 1."""
    return build(SignedHinge, output_dir, seed)
