"""Traits: words for what a head learns, by which checks and faults say which heads they apply to.

A head of another package may have traits of its own, which its own checks name.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLASSES = "classes"
"""A label is the id of one of K classes, and the highest of K logits is the prediction."""
VALUES = "values"
"""A label is a number on a scale, and the one logit is the prediction."""
LABEL_PER_ROW = "label_per_row"
"""Each row has one label, which is one number: label ids are ``[N]``. Such a head has `CLASSES` or `VALUES`, too."""

TEXTS = "texts"
"""A row's input is a text or a pair of texts, and the model gives one row of scores for it."""
LABEL_PER_TOKEN = "label_per_token"
"""Each token has a class id or `IGNORED`: label ids are ``[N, T]``, logits ``[N, T, K]``."""
IGNORED = -100
"""The label of a token that neither loss nor metrics look at, as `torch.nn.CrossEntropyLoss` has it."""
LABEL_SETS = "label_sets"
"""A row has any number of K labels: labels are vectors ``[N, K]`` of numbers from 0 to 1, logits ``[N, K]``."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        CLASSES: "classes",
        VALUES: "values",
        TEXTS: "one text or a pair of texts in each row",
        LABEL_PER_ROW: "one label in each row",
        LABEL_PER_TOKEN: "one label for each token",
        LABEL_SETS: "any number of labels in each row",
    }
)
"""Traits as messages name them."""


def in_words(traits: Iterable[str]) -> str:
    """Name traits in a message, what a label is before how many a row has: ``classes and one label in each row``."""
    ordered = sorted(traits, key=lambda trait: (trait in (LABEL_PER_ROW, TEXTS), trait))
    return " and ".join(WORDS.get(trait, trait.replace("_", " ")) for trait in ordered)


def unmet(needs: Iterable[str], traits: Iterable[str]) -> str:
    """Say which needed traits a task lacks, and which it has instead.

    Args:
        needs: of a check or a fault.
        traits: of the task's head.

    Returns:
        The reason why it does not apply; an empty text where no trait is missing.

    """
    missing = set(needs) - set(traits)
    if not missing:
        return ""
    others = set(traits) - set(needs) - {TEXTS}
    has = f"this task has {in_words(others)}" if others else "this task has other labels"
    return f"it applies only to tasks with {in_words(missing)}; {has}"
