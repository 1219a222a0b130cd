"""Compares reported metrics of entities with seqeval, and recognises the mistakes that give other values."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from seqeval import metrics as seqeval
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES
from sklearn import metrics as sk

from pytest_ftcheck.checks.catalogue import NotApplicable, finding, warning
from pytest_ftcheck.checks.metrics.known import agrees
from pytest_ftcheck.checks.metrics.tagged import entity_value, flat, outside_id, tagged_rows
from pytest_ftcheck.heads.entities import rows_of_tags
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.tag_schemes import likely_scheme, spells_entities
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    Tags = Sequence[Sequence[str]]

_RETRIEVAL = {"f1": seqeval.f1_score, "precision": seqeval.precision_score, "recall": seqeval.recall_score}
_OF_TOKENS = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
_AVERAGES = ("micro", "macro", "weighted")
_STRICT = {"IOB2": IOB2, "IOB1": IOB1, "BIOES": IOBES, "BILOU": BILOU}


def wrong_entity_metrics(evidence: Evidence, difference: float) -> list[Finding] | None:
    """Compare every metric of a known name with seqeval's over the judged tokens; None if there is none."""
    try:
        rows = tagged_rows(evidence)
    except NotApplicable:
        return None
    found, judged = [], False
    for key, reported in evidence.run.metrics.items():
        values = _known(key, rows)
        if not values or not math.isfinite(reported):
            continue
        judged = True
        if any(agrees(reported, value, difference) for value in values.values()):
            continue
        right = f"{next(iter(values.values())):.4f}"
        expected = (
            f"{key} = {right}, as seqeval has it for the {int((rows.label_ids != IGNORED).sum())} tokens with a tag"
        )
        healthy, mistake = _mistake(key, reported, rows, difference)
        if healthy:
            found.append(warning(expected, f"{reported:.6g} was reported: {mistake}", share=0.0))
        else:
            why = f": {mistake}" if mistake else ""
            found.append(finding(expected, f"{reported:.6g} was reported{why}"))
    return found if judged else None


def _parts(key: str) -> tuple[str, str] | None:
    """Return the measure of a key, and the average or the type of its name; None if it has neither."""
    words = key.removeprefix("eval_").removeprefix("overall_").replace("-", "_")
    for measure in (*_RETRIEVAL, "accuracy"):
        if words == measure or words in (
            f"{measure}_score",
            f"entity_{measure}",
            f"seqeval_{measure}",
            f"ner_{measure}",
        ):
            return measure, ""
        for average in _AVERAGES:
            if words in (f"{average}_{measure}", f"{measure}_{average}", f"{average}_avg_{measure}"):
                return measure, average
    return None


def _known(key: str, rows: EvaluatedRows) -> dict[str, float]:
    """Return the correct values of a metric of this name, by definition."""
    parts = _parts(key)
    if parts is None:
        own = rows.head_rules.scoring.row_metric(key.removeprefix("eval_"), rows)
        return {} if own is None else {"": entity_value(rows, key.removeprefix("eval_"))}
    measure, average = parts
    if measure == "accuracy":
        return {"": _accuracy(rows)}
    labelled, predicted = _named(rows)
    averages = (average,) if average else _AVERAGES
    if not spells_entities(rows.label_names):
        truth, answers = flat(rows)
        return {each: _quiet(partial(_OF_TOKENS[measure], truth, answers, average=each)) for each in averages}
    return {each: _quiet(partial(_RETRIEVAL[measure], labelled, predicted, average=each)) for each in averages}


def _named(rows: EvaluatedRows) -> tuple[Tags, Tags]:
    pairs = [pair for pair in rows_of_tags(rows) if pair[0]]
    return [labels for labels, _ in pairs], [predictions for _, predictions in pairs]


def _quiet(score: Callable[..., Any]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about types without predictions
        return float(score(zero_division=0))


def _mistake(key: str, reported: float, rows: EvaluatedRows, difference: float) -> tuple[bool, str]:
    """Name the cause of the reported value, and return whether it is another definition of the name, not a mistake."""
    parts = _parts(key)
    if parts is None or not spells_entities(rows.label_names):
        return False, ""
    for healthy, words, values in (
        *_wrong_rows(key, rows),
        *_other_readings(parts, rows),
        *_other_measures(parts, rows),
    ):
        if any(agrees(reported, value, difference) for value in values):
            return healthy, f"that is {words}"
    return False, ""


_Reading = tuple[bool, str, "Iterable[float]"]
"""Whether the definition is healthy, its description, and its values."""


def _wrong_rows(key: str, rows: EvaluatedRows) -> Iterator[_Reading]:
    """Yield the metric including tokens without a tag, and the metric with exchanged arguments."""
    outside = outside_id(rows)
    if outside is not None:
        labels = np.where(rows.label_ids == IGNORED, outside, rows.label_ids)
        scored = EvaluatedRows(labels, rows.predictions, None, rows.head, rows.label_names)
        what = f"{key} where the tokens labelled {IGNORED} (padding, special tokens, later pieces) count as O"
        yield False, what, _known(key, scored).values()
    answers = np.where(rows.label_ids == IGNORED, IGNORED, rows.predictions)
    swapped = EvaluatedRows(answers, rows.label_ids, None, rows.head, rows.label_names)
    yield False, f"{key} with labels and predictions swapped", _known(key, swapped).values()


def _other_readings(parts: tuple[str, str], rows: EvaluatedRows) -> Iterator[_Reading]:
    """Yield the strict mode, and the same measure of single tags."""
    measure, average = parts
    if measure == "accuracy":
        return
    averages = (average,) if average else _AVERAGES
    labelled, predicted = _named(rows)
    options: dict[str, Any] = {"mode": "strict", "scheme": _STRICT[likely_scheme(labelled, rows.label_names)[0]]}
    scores = (partial(_RETRIEVAL[measure], labelled, predicted, average=each, **options) for each in averages)
    what = "seqeval's strict mode, which counts no entity that breaks the scheme; most reports are not strict"
    yield True, what, map(_quiet, scores)
    # Over all tags together, F1, precision and recall are the accuracy.
    yield False, f"the accuracy of the words, most of which are O, not the {measure} of entities", [_accuracy(rows)]
    truth, answers = flat(rows)
    inside = [tag for tag in range(len(rows.label_names)) if tag != outside_id(rows)]
    # A tag that no word has counts nothing in an average, where whoever computes it leaves it out.
    labelled_tags = [tag for tag in inside if (truth == tag).any()]
    single = (
        partial(_OF_TOKENS[measure], truth, answers, average=each, labels=labels)
        for each in averages
        for labels in (None, inside, labelled_tags)
    )
    yield True, f"{measure} of single tags, and not of entities", map(_quiet, single)


def _other_measures(parts: tuple[str, str], rows: EvaluatedRows) -> Iterator[_Reading]:
    for other in _RETRIEVAL:
        if other != parts[0]:
            yield False, other, _known(other, rows).values()


def _accuracy(rows: EvaluatedRows) -> float:
    return entity_value(rows, "overall_accuracy")
