"""Writes and reads predictions in the format of the GLUE leaderboard: a TSV file for each task."""

from __future__ import annotations

import csv
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_ftcheck.errors import DataError, TaskError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_ftcheck.runs.run import Run

HEADER = ("index", "prediction")

_NUMBERED = ("cola", "mrpc", "qqp", "sst2", "wnli")
"""Tasks whose predictions are the class ids 0 and 1."""
_PAIRS = ("entailment", "not_entailment")
_TRIPLES = ("entailment", "neutral", "contradiction")
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cola": ("unacceptable", "acceptable"),
        "mrpc": ("not_equivalent", "equivalent"),
        "qqp": ("not_duplicate", "duplicate"),
        "sst2": ("negative", "positive"),
        "wnli": ("not_entailment", "entailment"),
        "qnli": _PAIRS,
        "rte": _PAIRS,
        "hans": _PAIRS,
        "ax": _TRIPLES,
        "mnli": _TRIPLES,
        "mnli_matched": _TRIPLES,
        "mnli_mismatched": _TRIPLES,
    }
)
"""Names of the classes in the order of their ids, by task."""
_SCORES = "stsb"
_LOWEST, _HIGHEST = 0.0, 5.0
TASKS = (*NAMES, _SCORES)


def write_submission(run: Run, path: Path, *, task: str | None = None, label_names: Sequence[str] = ()) -> None:
    """Write the predictions of a run as a GLUE submission: ``index`` and ``prediction``, separated by tabs.

    Args:
        run: run with the predictions, in the order of the rows.
        path: path of the file, for example ``MRPC.tsv``.
        task: task of GLUE, such as ``mrpc``; None: the run's own task.
        label_names: names of the run's classes in the order of their ids; empty: GLUE's names.

    Raises:
        TaskError: not a task of GLUE, or a class that the task does not have.
        DataError: a prediction is not finite.

    """
    task = run.task if task is None else task
    if task not in TASKS:
        raise TaskError(unknown("task of GLUE", task, TASKS))
    if task == _SCORES:
        values = [_score(float(value), row) for row, value in enumerate(run.predictions)]
    else:
        names = tuple(label_names) or NAMES[task]
        _check_names(task, names, run.logits.shape[-1])
        known = {name: str(index) if task in _NUMBERED else name for index, name in enumerate(NAMES[task])}
        finite = [bool(math.isfinite(float(row.sum()))) for row in run.logits]
        if not all(finite):
            msg = f"row {finite.index(False)} has logits that are not finite: there is no prediction to submit."
            raise DataError(msg)
        values = [known[names[int(index)]] for index in run.predictions]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(HEADER)
        table.writerows(enumerate(values))


def _score(value: float, row: int) -> str:
    if not math.isfinite(value):
        msg = f"row {row} has the value {value}: there is no prediction to submit."
        raise DataError(msg)
    return f"{min(max(value, _LOWEST), _HIGHEST):.3f}"


def _check_names(task: str, names: Sequence[str], width: int) -> None:
    if set(names) != set(NAMES[task]) or len(names) != width:
        msg = (
            f"the run has {width} classes named {', '.join(names)}; GLUE takes {', '.join(NAMES[task])} for {task}. "
            "Use GLUE's names of the classes, in the order of their ids."
        )
        raise TaskError(msg)


def read_submission(path: Path, task: str) -> list[float]:
    """Read a file that `write_submission` wrote.

    Args:
        path: path of the file.
        task: task of GLUE.

    Returns:
        ``[N]``: class ids in GLUE's order, or scores.

    Raises:
        DataError: no header, a row is missing or repeated, or a prediction that the task does not have.

    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    if not rows or tuple(rows[0]) != HEADER:
        msg = f"{path}: the first line must be {HEADER[0]}, a tab and {HEADER[1]}, not {rows[:1]}."
        raise DataError(msg)
    found = []
    for number, row in enumerate(rows[1:]):
        if len(row) != len(HEADER) or row[0] != str(number):
            msg = f"{path}, line {number + 2}: expected index {number} and a prediction, not {row}."
            raise DataError(msg)
        found.append(_parsed(row[1], task, f"{path}, line {number + 2}"))
    return found


def _parsed(value: str, task: str, where: str) -> float:
    if task == _SCORES:
        number = float(value)
        if _LOWEST <= number <= _HIGHEST:
            return number
    else:
        known = [str(index) for index in range(2)] if task in _NUMBERED else list(NAMES[task])
        if value in known:
            return float(known.index(value))
    msg = f"{where}: {task} has no prediction {value!r}."
    raise DataError(msg)
