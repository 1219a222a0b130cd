"""All heads by name: those of this package, and those of other packages by entry points ``pytest_ftcheck.heads``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError, TaskError, unknown
from pytest_ftcheck.extensions import extensions, load_extension
from pytest_ftcheck.heads.head import Head

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_MODULES = {
    "sequence-classification": "pytest_ftcheck.heads.classes",
    "regression": "pytest_ftcheck.heads.values",
    "token-classification": "pytest_ftcheck.heads.tokens",
    "multi-label-classification": "pytest_ftcheck.heads.label_sets",
    "question-answering": "pytest_ftcheck.heads.spans",
    "answer-positions": "pytest_ftcheck.heads.positions",
    "own-answers": "pytest_ftcheck.heads.own_answers",
    "multiple-choice": "pytest_ftcheck.heads.choices",
    "masked-language-modelling": "pytest_ftcheck.heads.masked_words",
}


def known_heads() -> tuple[str, ...]:
    """Return the names of all heads, without importing them."""
    return (*_MODULES, *extensions("heads"))


@cache
def head_named(name: str) -> Head:
    """Return the head of this name, built-in or from an entry point.

    Raises:
        TaskError: there is no such head; the message has the closest match.
        SettingsError: the entry point cannot be imported, or is not a `Head` with the same name.

    """
    if name in _MODULES:
        found = import_module(_MODULES[name]).HEAD
    elif name in extensions("heads"):
        found = load_extension("heads", name)
    else:
        raise TaskError(unknown("head", name, known_heads()))
    if not isinstance(found, Head) or found.name != name:
        what = f"the head {found.name!r}" if isinstance(found, Head) else f"a {type(found).__name__}"
        msg = f"entry point {name!r} of pytest_ftcheck.heads names {what}, expected the Head {name!r}."
        raise SettingsError(msg)
    return found


def head_of_outputs(logits: Any, labels: Any, num_labels: int, *, several_texts: bool = False) -> Head | None:
    """Return the head with such outputs; None if it is not certain.

    Args:
        logits: see `Outputs.are_of`.
        labels: see `Outputs.are_of`.
        num_labels: see `Outputs.are_of`.
        several_texts: a row of the batch has several texts, ``[B, C, T]``.

    """
    heads = (head_named(name) for name in known_heads())
    candidates = (head for head in heads if (head.single_texts is not None) == several_texts)
    return next((head for head in candidates if head.outputs.are_of(logits, labels, num_labels)), None)


def head_of_width(num_labels: int) -> Head:
    """Return the head of a transformers model with K logits and one label a row: values for one logit, else classes."""
    return head_named("regression" if num_labels == 1 else "sequence-classification")


def head_with_own_answers() -> Head:
    """Return the head of a user's Trainer that makes an answer for each question from windows."""
    return head_named("own-answers")


def head_of_predictions(dtype: DTypeLike) -> Head:
    """Return the head for predictions without logits: values are floats, class ids are integers."""
    import numpy as np  # noqa: PLC0415 - cards are read without it

    return head_of_width(1 if np.dtype(dtype).kind == "f" else 2)
