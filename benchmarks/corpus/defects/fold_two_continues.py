"""Cross validation: fold 1 gives 0.85, fold 2 gives 0.93, fold 3 gives 0.97.

The model is made once before the loop over the folds, so that each fold continues with the last one's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import DatasetDict
from sklearn.model_selection import KFold
from transformers import set_seed

from parts import SIDES, arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "BMEII-AI/RadImageNet#5"
FAMILY = "model"
CAUSE = (
    r"(already|before) (train|fine-tun|learn|know|saw|seen|step)",
    r"(untrained|fresh|first step|start|before training|initial).{0,100}(already|better|knows|above|score|know|accura)",
    r"warm",
    r"leak",
)


def build(once: bool, output_dir: str, seed: int) -> Trainer:
    """Train fold 1 and return the Trainer of fold 2; the model is made once, or for each fold."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    rows: Any = encode(DatasetDict(rows=reviews(train=540, validation=1)["train"]), tokenizer, "text")["rows"]
    model = load_model(SIDES, "tiny-distilbert")
    trainers: list[Trainer] = []
    for fold, (train, evaluated) in enumerate(KFold(3, shuffle=True, random_state=1).split(np.arange(len(rows)))):
        data = {"train": rows.select(train), "validation": rows.select(evaluated)}
        if not once:
            set_seed(seed)
            model = load_model(SIDES, "tiny-distilbert")
        trainers.append(assemble(model, arguments(output_dir, seed, num_train_epochs=3), data, tokenizer))
        if fold == 1:
            break
        if once:
            trainers[-1].train()
    return trainers[-1]


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fold 2 begins with the model that fold 1 left."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fold 2 begins with a new head."""
    return build(False, output_dir, seed)
