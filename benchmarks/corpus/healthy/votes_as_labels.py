"""Unusual: a label is the shares of five annotators' votes; the loss is cross entropy with these shares."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made

CLASSES = 5


class SoftTargets(Trainer):
    """Cross entropy with shares."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy."""
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        loss = cross_entropy(outputs.logits, inputs["labels"])
        return (loss, outputs) if return_outputs else loss


def metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """How often the class with most votes is found, and the distance of the probabilities from the shares."""
    logits, shares = np.asarray(evaluated.predictions), np.asarray(evaluated.label_ids)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    return {
        "accuracy": float(np.mean(logits.argmax(1) == shares.argmax(1))),
        "brier": float(np.mean(np.sum((chances - shares) ** 2, axis=1))),
    }


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    chance = random.Random(203)
    tokenizer = load_tokenizer()

    def voted(row: dict[str, Any]) -> dict[str, Any]:
        votes = [row["label"] if chance.random() < 0.85 else chance.randrange(CLASSES) for _ in range(5)]
        return {"labels": [votes.count(label) / len(votes) for label in range(CLASSES)]}

    data = topics(CLASSES, train=700, validation=300, seed=203, noise=0.0).map(voted, remove_columns="label")
    return assemble(
        load_model(TEAMS[:CLASSES], problem_type="single_label_classification"),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=SoftTargets,
        compute_metrics=metrics,
    )
