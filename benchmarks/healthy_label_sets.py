"""Healthy models of several labels a row, drawn at random: evidence for the checks of label sets. N rows, K labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from pytest_ftcheck.heads.registry import head_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARE = 0.2
"""Of the rows that have the most frequent label; each of the others is a fifth rarer than the one before."""


def drawn_labels(generator: np.random.Generator, rows: int, labels: int) -> NDArray[np.float32]:
    """Draw which labels the rows have."""
    return (generator.random((rows, labels)) < SHARE * 0.8 ** np.arange(labels)).astype(np.float32)


def ranked(generator: np.random.Generator, rows: int, labels: int, area: float) -> Any:
    """Return evidence of a run whose logits rank the rows of each label with this area under the ROC curve."""
    wanted = drawn_labels(generator, rows, labels)
    logits = generator.normal(size=wanted.shape) + np.sqrt(2) * stats.norm.ppf(area) * wanted - 1
    evidence = _evidence(labels, {"train": drawn_labels(generator, rows, labels), "evaluation": wanted})
    evidence.run = SimpleNamespace(
        label_ids=wanted, logits=logits, metrics={}, head="multi-label-classification", label_names=()
    )
    return evidence


def split_in_two(generator: np.random.Generator, train: int, evaluated: int, labels: int) -> Any:
    """Return evidence of two splits that are drawn alike."""
    drawn = drawn_labels(generator, train + evaluated, labels)
    return _evidence(labels, {"train": drawn[:train], "evaluation": drawn[train:]})


def _evidence(labels: int, splits: dict[str, NDArray[np.float32]]) -> Any:
    head = head_named("multi-label-classification")
    names = tuple(f"label {number}" for number in range(labels))
    card = SimpleNamespace(head=head.name, head_rules=head, label_names=names, num_labels=labels)
    data = SimpleNamespace(train=(), evaluation=(), evaluation_split="validation")
    pipeline = SimpleNamespace(
        card=card, data=data, subject="drawn", train_dataset=splits["train"], eval_dataset=splits["evaluation"]
    )
    return SimpleNamespace(pipeline=pipeline, label_array=lambda rows: rows)
