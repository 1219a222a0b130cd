"""Traits describe what a head learns; checks and faults name the traits that they need.

A head of another package may have its own traits, for its own checks.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLASSES = "classes"
"""A label is the id of one of K classes, and the highest of K logits is the prediction."""
VALUES = "values"
"""A label is a number on a scale, and the single logit is the prediction."""
LABEL_PER_ROW = "label_per_row"
"""Each row has one label, which is one number: label ids are ``[N]``. Such a head also has `CLASSES` or `VALUES`."""

TEXTS = "texts"
"""A row's input is a text or a pair of texts, and the model returns one row of scores for it."""
LABEL_PER_TOKEN = "label_per_token"
"""Each token has a class id or `IGNORED`: label ids are ``[N, T]``, logits ``[N, T, K]``."""
LABEL_PER_ITEM = "label_per_item"
"""Labels and predictions, of rows or of tokens, are class ids or values that can be compared one by one. Every head
with `LABEL_PER_ROW` or `LABEL_PER_TOKEN` has this trait automatically."""
CLASS_IDS = "class_ids"
"""A label is the id of one of K named classes, of a row or of a token: a head with `CLASSES` and `TEXTS`, or
with `LABEL_PER_TOKEN`."""
_IMPLIED_BY: Mapping[str, tuple[frozenset[str], ...]] = MappingProxyType(
    {
        LABEL_PER_ITEM: (frozenset({LABEL_PER_ROW}), frozenset({LABEL_PER_TOKEN})),
        CLASS_IDS: (frozenset({CLASSES, TEXTS}), frozenset({LABEL_PER_TOKEN})),
    }
)
"""Traits that a head has automatically if it has all of some other traits."""
POSITIONS = "positions"
"""A label is a first and a last token: label ids are ``[N, 2]``, logits ``[N, T, 2]``, of N windows of the raw rows."""
QUESTIONS = "questions"
"""A row is a window of a known raw question, whose answer is judged; such a head also has `POSITIONS`."""
OWN_ANSWERS = "own_answers"
"""A user's function makes one answer for each raw question of windows; such a head also has `POSITIONS`."""
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
        OWN_ANSWERS: "answers that a function of the user's makes of windows",
        CHOICES: "several texts in each row, of which one is right",
        LABEL_SETS: "any number of labels in each row",
        MASKED_TOKENS: "masked tokens to guess",
    }
)
"""Traits in words, for messages."""


COMMON = frozenset({CLASSES, VALUES, TEXTS, LABEL_PER_ROW, LABEL_PER_ITEM, CLASS_IDS})
"""Traits of several heads. A check that needs another trait applies to one kind of task."""


def in_words(traits: Iterable[str]) -> str:
    """Name traits for a message, the kind of the labels first: ``classes and one label in each row``."""
    ordered = sorted(traits, key=lambda trait: (trait in (LABEL_PER_ROW, LABEL_PER_ITEM, TEXTS), trait))
    return " and ".join(WORDS.get(trait, trait.replace("_", " ")) for trait in ordered)


def unmet(needs: Iterable[str], traits: Iterable[str]) -> str:
    """Describe the needed traits that a task lacks, and the traits that it has instead.

    Args:
        needs: traits that a check or a fault needs.
        traits: traits of the task's head.

    Returns:
        The reason why the check or fault does not apply; an empty string if no trait is missing.

    """
    missing = _missing(needs, traits)
    if not missing:
        return ""
    others = set(traits) - set(needs) - {TEXTS}
    has = f"this task has {in_words(others)}" if others else "this task has other labels"
    return f"it applies only to tasks with {in_words(missing)}; {has}"


def of_another_kind(needs: Iterable[str], traits: Iterable[str]) -> bool:
    """Return whether a check applies only to another kind of task, such as tags or choices."""
    return bool(_missing(needs, traits) - COMMON)


def _missing(needs: Iterable[str], traits: Iterable[str]) -> set[str]:
    has = set(traits)
    implied = {trait for trait, any_of in _IMPLIED_BY.items() if any(all_of <= has for all_of in any_of)}
    return set(needs) - has - implied
