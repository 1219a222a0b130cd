"""Unusual: each label is a column of zeros and ones, as in a table of comments; areas under curves, by scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score
from transformers import set_seed

from item_worlds import team_names, tickets
from parts import arguments, assemble, load_model, load_tokenizer

if TYPE_CHECKING:
    from transformers import Trainer

COLUMNS = team_names(5)


def metrics(evaluated: Any) -> dict[str, float]:
    """Area under the curve of each label, averaged, and F1 with a threshold of one half."""
    shares = 1 / (1 + np.exp(-evaluated.predictions))
    wanted = evaluated.label_ids
    return {
        "roc_auc": float(roc_auc_score(wanted, shares, average="macro")),
        "f1": float(f1_score(wanted, shares >= 0.5, average="micro")),
        "accuracy": float(np.mean(np.all((shares >= 0.5) == (wanted == 1), axis=1))),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    table = tickets().map(
        lambda row: {name: int(number in row["teams"]) for number, name in enumerate(COLUMNS)}, remove_columns=["teams"]
    )

    def preprocess(batch: Any) -> Any:
        """Encode the text, and put the columns of labels into one list of floats."""
        encoded = tokenizer(batch["text"], truncation=True, max_length=64)
        encoded["labels"] = [
            [float(value) for value in row] for row in zip(*(batch[name] for name in COLUMNS), strict=True)
        ]
        return encoded

    data = table.map(preprocess, batched=True, remove_columns=table["train"].column_names)
    data.set_format("torch")
    return assemble(
        load_model(COLUMNS, problem_type="multi_label_classification"),
        arguments(output_dir, seed, num_train_epochs=4, metric_for_best_model="f1"),
        data,
        tokenizer,
        compute_metrics=metrics,
    )
