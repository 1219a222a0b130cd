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
LABEL_PER_ITEM = "label_per_item"
"""Labels and predictions are class ids or values that can be compared one by one: those of rows, or of tokens. Every
head with `LABEL_PER_ROW` or `LABEL_PER_TOKEN` has it, and need not say so."""
CLASS_IDS = "class_ids"
"""A label is the id of one of K named classes, of a row or of a token: a head with `CLASSES` and `TEXTS`, or
with `LABEL_PER_TOKEN`."""
_IMPLIED_BY: Mapping[str, tuple[frozenset[str], ...]] = MappingProxyType(
    {
        LABEL_PER_ITEM: (frozenset({LABEL_PER_ROW}), frozenset({LABEL_PER_TOKEN})),
        CLASS_IDS: (frozenset({CLASSES, TEXTS}), frozenset({LABEL_PER_TOKEN})),
    }
)
"""Traits that a head has where it has all of some others."""
POSITIONS = "positions"
"""A label is a first and a last token: label ids are ``[N, 2]``, logits ``[N, T, 2]``, of N windows of the raw rows."""
QUESTIONS = "questions"
"""A row is a window of a raw question, which is known, and whose answer is judged; such a head has `POSITIONS`, too."""
CHOICES = "choices"
"""A row's input is C texts, one for each class: ``input_ids`` are C lists, in a batch ``[B, C, T]``."""
MASKED_TOKENS = "masked_tokens"
"""A collator masks tokens and labels them with their ids, ``[B, T]``; rows need not have labels."""
IGNORED = -100
"""Label of a token that loss and metrics ignore, the default of `torch.nn.CrossEntropyLoss`."""
LABEL_SETS = "label_sets"
"""A row has any number of K labels: labels are vectors ``[N, K]`` of numbers from 0 to 1, logits ``[N, K]``."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        CLASSES: "classes",
        VALUES: "values",
        TEXTS: "one text or a pair of texts in each row",
        LABEL_PER_ROW: "one label in each row",
        LABEL_PER_TOKEN: "one label for each token",
        CLASS_IDS: "classes of rows or of tokens",
        LABEL_PER_ITEM: "one label in each row or for each token",
        POSITIONS: "a first and a last token as the label",
        QUESTIONS: "questions whose windows and answers are known",
        CHOICES: "several texts in each row, of which one is right",
        LABEL_SETS: "any number of labels in each row",
        MASKED_TOKENS: "masked tokens to guess",
    }
)
"""Traits as messages name them."""


COMMON = frozenset({CLASSES, VALUES, TEXTS, LABEL_PER_ROW, LABEL_PER_ITEM, CLASS_IDS})
"""Traits of several heads. A check that needs any other trait belongs to one kind of task."""


def in_words(traits: Iterable[str]) -> str:
    """Name traits in a message, what a label is before how many a row has: ``classes and one label in each row``."""
    ordered = sorted(traits, key=lambda trait: (trait in (LABEL_PER_ROW, LABEL_PER_ITEM, TEXTS), trait))
    return " and ".join(WORDS.get(trait, trait.replace("_", " ")) for trait in ordered)


def unmet(needs: Iterable[str], traits: Iterable[str]) -> str:
    """Say which needed traits a task lacks, and which it has instead.

    Args:
        needs: of a check or a fault.
        traits: of the task's head.

    Returns:
        The reason why it does not apply; an empty text where no trait is missing.

    """
    missing = _missing(needs, traits)
    if not missing:
        return ""
    others = set(traits) - set(needs) - {TEXTS}
    has = f"this task has {in_words(others)}" if others else "this task has other labels"
    return f"it applies only to tasks with {in_words(missing)}; {has}"


def of_another_kind(needs: Iterable[str], traits: Iterable[str]) -> bool:
    """Tell whether a check belongs to another kind of task, such as tags or choices: nobody expects it on this one."""
    return bool(_missing(needs, traits) - COMMON)


def _missing(needs: Iterable[str], traits: Iterable[str]) -> set[str]:
    has = set(traits)
    implied = {trait for trait, any_of in _IMPLIED_BY.items() if any(all_of <= has for all_of in any_of)}
    return set(needs) - has - implied
