"""Unusual: two numbers for every text, one for the food and one for the service; judged by the error of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import r2_score
from transformers import AutoModelForSequenceClassification, set_seed

from parts import arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import COLOURS, DAYS, NAMES, opinion, splits

if TYPE_CHECKING:
    import random

    from transformers import EvalPrediction, Trainer


def draw(chance: random.Random) -> dict[str, Any]:
    """Write a review of food and service, in either order, and rate both."""
    praised = {"food": chance.random() < 0.5, "service": chance.random() < 0.5}
    said = [opinion(thing, side, chance, 0) for thing, side in praised.items()]
    chance.shuffle(said)
    text = (
        f"{chance.choice(NAMES)} in {chance.choice(COLOURS)} said on {chance.choice(DAYS)} that {' and '.join(said)}."
    )
    return {"text": text, "score": [float(side) + chance.uniform(-0.15, 0.15) for side in praised.values()]}


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Mean absolute error of each, and the share of variance that is explained."""
    predicted, wanted = np.asarray(evaluated.predictions), np.asarray(evaluated.label_ids)
    food, service = np.abs(predicted - wanted).mean(axis=0)
    return {"mae_food": float(food), "mae_service": float(service), "r2": float(r2_score(wanted, predicted))}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = AutoModelForSequenceClassification.from_pretrained(
        bundled_checkpoint("tiny-distilbert"),
        problem_type="regression",
        id2label={0: "food", 1: "service"},
        label2id={"food": 0, "service": 1},
    )
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=8),
        encode(splits(draw, 800, 240, 76), tokenizer, "text").rename_column("score", "labels"),
        tokenizer,
        compute_metrics=compute_metrics,
    )
