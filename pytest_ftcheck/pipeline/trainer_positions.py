"""Labels of the evaluation rows of a user's Trainer that answers questions: its script has none, and they are known.

As in run_qa.py of transformers, training rows have ``start_positions`` and ``end_positions``, and evaluation rows have
``example_id`` and ``offset_mapping``, beside raw rows with ``id`` and ``answers``: that is all that a label needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import Dataset

from pytest_ftcheck.columns import POSITION_NAMES, scalars, walk
from pytest_ftcheck.heads.offsets import OFFSETS
from pytest_ftcheck.heads.windows import positions

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXAMPLE = "example_id"
_ID, _ANSWERS = "id", "answers"


def with_eval_positions(trainer: Any) -> None:
    """Give evaluation rows first and last token of the answer, where they lack them and the Trainer's parts tell them.

    Training does not look at them; the evaluation has a loss, and label ids.

    Args:
        trainer: not trained; its ``eval_dataset`` is replaced.

    """
    rows, examples = trainer.eval_dataset, getattr(trainer, "eval_examples", None)
    if not isinstance(rows, Dataset) or not isinstance(examples, Dataset):
        return
    trains_them = set(POSITION_NAMES) <= set(getattr(trainer.train_dataset, "column_names", None) or ())
    has_columns = {_EXAMPLE, OFFSETS} <= set(rows.column_names) and {_ID, _ANSWERS} <= set(examples.column_names)
    if not (trains_them and has_columns) or set(POSITION_NAMES) & set(rows.column_names):
        return
    answers: dict[Any, Mapping[str, Any]] = dict(zip(scalars(examples, _ID), scalars(examples, _ANSWERS), strict=True))
    found = []
    for example, offsets in walk(rows, [_EXAMPLE, OFFSETS]):
        # Without None, nothing tells the question's tokens from the context's; nor is a window of no raw row known.
        if example not in answers or all(offset is not None for offset in offsets):
            return
        found.append(positions(answers[example], offsets))
    for end, name in enumerate(POSITION_NAMES):
        rows = rows.add_column(name, [place[end] for place in found])
    trainer.eval_dataset = rows
