"""Makes labels for the evaluation rows of a user's Trainer for question answering, whose script makes none.

As in run_qa.py of transformers, training rows have ``start_positions`` and ``end_positions``, and evaluation rows have
``example_id`` and ``offset_mapping``, and raw rows have ``id`` and ``answers``: labels can be computed from these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import Dataset

from pytest_ftcheck.columns import POSITION_NAMES, scalars, walk
from pytest_ftcheck.heads.offsets import OFFSETS
from pytest_ftcheck.heads.windows import positions

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE, ID = "example_id", "id"
"""Columns of windows and of raw rows that say which window is of which row, as run_qa.py of transformers has them."""
_ANSWERS = "answers"


def with_eval_positions(trainer: Any) -> None:
    """Add first and last token of the answer to the evaluation rows, if they lack them and the Trainer's parts suffice.

    Training does not use these labels; the evaluation then has a loss and label ids.

    Args:
        trainer: a Trainer that has not trained; its ``eval_dataset`` is replaced.

    """
    rows, examples = trainer.eval_dataset, getattr(trainer, "eval_examples", None)
    if not isinstance(rows, Dataset) or not isinstance(examples, Dataset):
        return
    trains_them = set(POSITION_NAMES) <= set(getattr(trainer.train_dataset, "column_names", None) or ())
    has_columns = {EXAMPLE, OFFSETS} <= set(rows.column_names) and {ID, _ANSWERS} <= set(examples.column_names)
    if not (trains_them and has_columns) or set(POSITION_NAMES) & set(rows.column_names):
        return
    answers: dict[Any, Mapping[str, Any]] = dict(zip(scalars(examples, ID), scalars(examples, _ANSWERS), strict=True))
    found = []
    for example, offsets in walk(rows, [EXAMPLE, OFFSETS]):
        # Without None, the question's tokens cannot be distinguished from the context's; a window needs its raw row,
        # too.
        if example not in answers or all(offset is not None for offset in offsets):
            return
        found.append(positions(answers[example], offsets))
    for end, name in enumerate(POSITION_NAMES):
        rows = rows.add_column(name, [place[end] for place in found])
    trainer.eval_dataset = rows
