"""Unusual: the metric gets inputs and losses, too: accuracy of short and of long texts, median loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Accuracy by length; a text is long when it has more than ten words beside its two special tokens."""
    inputs: Any = evaluated.inputs
    words = np.sum(np.asarray(inputs) > 3, axis=1)
    right = np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids
    return {
        "accuracy": float(np.mean(right)),
        "accuracy_short": float(np.mean(right[words <= 10])),
        "accuracy_long": float(np.mean(right[words > 10])),
        "median_loss": float(np.median(np.asarray(evaluated.losses))),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, validation=300, seed=75, length=(5, 18))
    tokenizer = word_tokenizer(data["train"]["text"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        num_hidden_layers=1,
        num_attention_heads=3,
        intermediate_size=96,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5, include_for_metrics=["inputs", "loss"])
    model = BertForSequenceClassification(config)
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, compute_metrics=compute_metrics)
