"""Validation accuracy is what a coin would reach, although the loss on validation falls like that on train.

The loader for evaluation sorts rows by length, since that is faster. The metric compares the predictions with the label
column of the table, which has another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from transformers import BertConfig, BertForSequenceClassification, Trainer, set_seed

from parts import arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made

REPORT = "open-spaced-repetition/fsrs-optimizer#93"
FAMILY = "evaluation"
CAUSE = (
    r"compute_metrics",
    r"\border\b|sorted|\bsort\b|permut|shuffl|align",
    r"(metric|accuracy|f1).{0,120}(recomput|differ|disagree|instead of|own labels|other labels|not the labels)",
    r"label_ids.{0,80}(ignor|not used|unused)",
)


class Sorted(Trainer):
    """Evaluates rows in the order of their length."""

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Sort, and load."""
        rows: Any = self.eval_dataset if eval_dataset is None else eval_dataset
        lengths = [len(ids) for ids in rows["input_ids"]]
        return super().get_eval_dataloader(rows.select(np.argsort(lengths, kind="stable").tolist()))


def build(from_table: bool, output_dir: str, seed: int) -> Made:
    """Train from scratch; the metric takes labels from the table or from the evaluation."""
    set_seed(seed)
    data = notes(5, train=640, validation=260, seed=417, length=(6, 20))
    tokenizer = word_tokenizer(data["train"]["text"])
    column = np.array(data["validation"]["label"])

    def scores(evaluated: EvalPrediction) -> dict[str, float]:
        predicted = np.argmax(evaluated.predictions, axis=-1)
        labels = column if from_table else evaluated.label_ids
        return {
            "accuracy": float(accuracy_score(labels, predicted)),
            "f1": float(f1_score(labels, predicted, average="macro")),
        }

    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    args = arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=4)
    model = BertForSequenceClassification(config)
    data = encode(data, tokenizer, "text")
    return assemble(model, args, data, tokenizer, kind=Sorted, compute_metrics=scores)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """From the table."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """From the evaluation."""
    return build(False, output_dir, seed)
