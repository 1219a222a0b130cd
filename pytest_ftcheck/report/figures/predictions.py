"""What a run predicted, in numbers that can be drawn: by the traits of the head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.confidence import BINS, bins_of, sureness
from pytest_ftcheck.heads.entities import entities_of, rows_of_tags
from pytest_ftcheck.heads.row_metrics import MeanMetric
from pytest_ftcheck.heads.tag_schemes import spells_entities
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, LABEL_PER_TOKEN, LABEL_SETS, VALUES
from pytest_ftcheck.report.figures.records import AnswersRecord, BinRecord, ClassesRecord, LabelRecord, ValuesRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.rows import EvaluatedRows

MOST_CLASSES = 40
_MOST_POINTS = 400
_F1_BINS = 10
_IS_LABEL = 0.5
"""Share of votes above which a row has a label."""


def confusion(rows: EvaluatedRows, names: Sequence[str]) -> ClassesRecord | None:
    """Count labels and predictions; None where labels are no classes of rows, or more than `MOST_CLASSES`."""
    if not {CLASSES, LABEL_PER_ROW} <= rows.head_rules.traits or _class_count(rows, names) > MOST_CLASSES:
        return None
    count = _class_count(rows, names)
    labels, predictions = rows.label_ids.astype(np.int64), rows.predictions.astype(np.int64)
    known = (labels >= 0) & (labels < count) & (predictions >= 0) & (predictions < count)
    table = np.zeros((count, count), dtype=np.int64)
    np.add.at(table, (labels[known], predictions[known]), 1)
    return ClassesRecord(names=_named(names, count), counts=table.tolist(), undefined=int((~known).sum()))


def scatter(rows: EvaluatedRows) -> ValuesRecord | None:
    """Return labels and predictions that are numbers; None for other labels."""
    if VALUES not in rows.head_rules.traits:
        return None
    chosen = evenly(len(rows), _MOST_POINTS)
    labels, predictions = (np.asarray(column, dtype=np.float64) for column in (rows.label_ids, rows.predictions))
    kept = chosen[np.isfinite(labels[chosen]) & np.isfinite(predictions[chosen])]
    return ValuesRecord(labels=labels[kept].round(6).tolist(), predictions=predictions[kept].round(6).tolist())


def per_label(rows: EvaluatedRows, names: Sequence[str]) -> list[LabelRecord]:
    """Count right answers, answers and labels of each class, label of a set, or type of entity."""
    traits = rows.head_rules.traits
    if {CLASSES, LABEL_PER_ROW} <= traits:
        count = _class_count(rows, names)
        labels, answers = (column[:, None] == np.arange(count) for column in (rows.label_ids, rows.predictions))
        return _counted(_named(names, count), labels, answers)
    if LABEL_SETS in traits:
        return _counted(_named(names, rows.label_ids.shape[1]), rows.label_ids > _IS_LABEL, rows.predictions == 1)
    if LABEL_PER_TOKEN in traits and spells_entities(rows.label_names):
        return _of_entities(rows)
    return []


def _of_entities(rows: EvaluatedRows) -> list[LabelRecord]:
    counts: dict[str, list[int]] = {}
    for labelled, predicted in rows_of_tags(rows):
        known, found = entities_of(labelled), entities_of(predicted)
        for place, entities in enumerate((known & found, found, known)):
            for kind, _, _ in entities:
                counts.setdefault(kind, [0, 0, 0])[place] += 1
    return [
        LabelRecord(name=kind, right=right, predicted=predicted, labelled=labelled)
        for kind, (right, predicted, labelled) in sorted(counts.items(), key=lambda entry: (-entry[1][2], entry[0]))
    ]


def _counted(names: Sequence[str], labels: NDArray[np.bool_], answers: NDArray[np.bool_]) -> list[LabelRecord]:
    """Count columns of labels and answers, ``[N, K]`` each."""
    sums = [part.sum(axis=0).tolist() for part in (labels & answers, answers, labels)]
    return [
        LabelRecord(name=name, right=right, predicted=predicted, labelled=labelled)
        for name, right, predicted, labelled in zip(names, *sums, strict=True)
    ]


def answers(rows: EvaluatedRows) -> AnswersRecord | None:
    """Score answers in words; None for other tasks."""
    if rows.head_rules.answers is None:
        return None
    exact, f1 = (_column_of(rows, name) for name in ("exact_match", "f1"))
    bins = np.clip((f1 * _F1_BINS).astype(np.int64), 0, _F1_BINS - 1)
    return AnswersRecord(
        questions=len(rows),
        exact=int((exact > _IS_LABEL).sum()),
        f1=np.bincount(bins, minlength=_F1_BINS).tolist(),
        without_answer=int((rows.label_ids == "[]").sum()),
        unanswered=int((rows.predictions == "").sum()),
    )


def _column_of(rows: EvaluatedRows, name: str) -> NDArray[np.float64]:
    """Return a metric of each row, 0 to 1, ``[N]``."""
    metric = rows.head_rules.scoring.row_metric(name, rows)
    if not isinstance(metric, MeanMetric):
        msg = f"the head has no {name} of single rows"
        raise TypeError(msg)
    return metric.features[:, 0]


def calibration(rows: EvaluatedRows) -> list[BinRecord]:
    """Compare confidence with correctness in bins; empty where there are no probabilities of classes or labels."""
    traits = rows.head_rules.traits
    if rows.logits is None or not rows.finite:
        return []
    if {CLASSES, LABEL_PER_ROW} <= traits:
        sure, right = sureness(rows)
    elif LABEL_SETS in traits:  # each label of each row is an answer of its own
        sure = rows.head_rules.outputs.scores(rows.logits.astype(np.float64)).reshape(-1)
        right = (rows.label_ids > _IS_LABEL).reshape(-1)
    else:
        return []
    bins = bins_of(sure)
    return [
        BinRecord(
            low=place / BINS,
            high=(place + 1) / BINS,
            rows=int(inside.sum()),
            confidence=float(sure[inside].mean()),
            right=float(right[inside].mean()),
        )
        for place in range(BINS)
        if (inside := bins == place).any()
    ]


def evenly(rows: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` evenly spaced indices of the rows."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)) if rows else np.zeros(0, np.int64)


def _class_count(rows: EvaluatedRows, names: Sequence[str]) -> int:
    return max(len(names), rows.num_labels)


def _named(names: Sequence[str], count: int) -> list[str]:
    return [*names, *(str(label) for label in range(len(names), count))]
