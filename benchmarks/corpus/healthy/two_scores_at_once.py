"""Unusual: two numbers are predicted for each text, by one head with two outputs."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
from datasets import Dataset, DatasetDict
from scipy.stats import pearsonr
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import NAMES, opinion

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

SCORES = {"kitchen": ("coffee", "food"), "house": ("hotel", "room")}


def stays(train: int, validation: int, seed: int) -> DatasetDict:
    """`text` on a stay, `labels` near 1 where the kitchen is praised, and where the house is."""
    chance = random.Random(seed)
    rows: dict[str, list[float]] = {}
    while len(rows) < train + validation:
        said, scores = [], []
        for things in SCORES.values():
            praise = chance.random() < 0.5
            said.append(opinion(chance.choice(things), praise, chance, 0.1))
            scores.append(round(praise + chance.uniform(-0.2, 0.2), 3))
        chance.shuffle(said)
        rows[f"{chance.choice(NAMES)} said that {', '.join(said)}."] = scores
    kept = [{"text": text, "labels": scores} for text, scores in rows.items()]
    return DatasetDict({"train": Dataset.from_list(kept[:train]), "validation": Dataset.from_list(kept[train:])})


def metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Pearson's correlation of each score, and the root of the mean squared error of both."""
    predicted, wanted = np.asarray(evaluated.predictions), np.asarray(evaluated.label_ids)
    found = {
        f"pearson_{name}": float(pearsonr(predicted[:, number], wanted[:, number]).statistic)
        for number, name in enumerate(SCORES)
    }
    return {**found, "rmse": float(np.sqrt(np.mean((predicted - wanted) ** 2)))}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(SCORES, "tiny-distilbert", problem_type="regression"),
        arguments(output_dir, seed, learning_rate=1.5e-3, num_train_epochs=5),
        encode(stays(1000, 300, 205), tokenizer, "text"),
        tokenizer,
        compute_metrics=metrics,
    )
