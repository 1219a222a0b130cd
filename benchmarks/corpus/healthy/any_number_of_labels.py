"""Unusual: a row has any number of labels, none as well; binary cross entropy, and one threshold for each label."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
from datasets import Dataset, DatasetDict
from sklearn.metrics import f1_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import BAD, DAYS, GOOD, NAMES, NUMBERS, THINGS, VERBS

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

ASPECTS = {"praise": GOOD, "complaint": BAD, "date": DAYS, "amount": NUMBERS}


def mentions(train: int, validation: int, seed: int) -> DatasetDict:
    """`text` that mentions aspects or none, `labels` with a 1 for each that it does."""
    chance = random.Random(seed)
    rows: dict[str, list[float]] = {}
    while len(rows) < train + validation:
        labels = [float(chance.random() < 0.35) for _ in ASPECTS]
        words = [chance.choice(known) for known, label in zip(ASPECTS.values(), labels, strict=True) if label]
        words += [chance.choice(THINGS), chance.choice(VERBS)]
        chance.shuffle(words)
        rows[f"{chance.choice(NAMES)}: {' '.join(words)}."] = [
            1 - label if chance.random() < 0.01 else label for label in labels
        ]
    kept = [{"text": text, "labels": labels} for text, labels in rows.items()]
    return DatasetDict({"train": Dataset.from_list(kept[:train]), "validation": Dataset.from_list(kept[train:])})


def metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """F1 over all labels and averaged over them, and the share of rows with all labels right."""
    predicted, wanted = np.asarray(evaluated.predictions) > 0, np.asarray(evaluated.label_ids) > 0.5
    return {
        "micro_f1": float(f1_score(wanted, predicted, average="micro")),
        "macro_f1": float(f1_score(wanted, predicted, average="macro")),
        "exact": float(np.mean(np.all(predicted == wanted, axis=1))),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(ASPECTS, "tiny-distilbert", problem_type="multi_label_classification"),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(mentions(720, 300, 202), tokenizer, "text"),
        tokenizer,
        compute_metrics=metrics,
    )
