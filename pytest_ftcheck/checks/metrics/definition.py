"""Checks with made-up logits whether a metric fits its name: logits of a good model would hide most mistakes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import EvalPrediction

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.metrics.known import (
    agrees,
    known_names,
    known_values,
    named_class,
    of_classes,
    roc_auc_of_answers,
)
from pytest_ftcheck.checks.metrics.rows import SingleLabelRows
from pytest_ftcheck.heads.traits import LABEL_PER_ROW
from pytest_ftcheck.pipeline.trainer_metrics import PreparedMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_FEWEST = 20
"""Number of evaluated rows from which on different metrics have different values."""
_RIGHT = (0.8, 0.5, 0.3)
"""Fraction of the rows that each set of made-up logits predicts right; the other rows are biased towards one class."""
_SHIFT = 3.0
"""Standard deviation of a constant that is added to all logits of a row; it changes no probability."""
_OTHERS = ("accuracy", "f1", "precision", "recall", "mcc", "pearson", "spearman", "mse", "rmse", "mae", "r2")

_BATCH = 8
"""Rows of an evaluation batch if the arguments do not set it: the default of `TrainingArguments`."""
_NEGATIVE = re.compile(
    r"(no|non|not|neg|negative|others?|none|normal|benign|clean|false|0|label_0|ham|safe|ok|un\w+)\b"
)

_Question = tuple[SingleLabelRows, "Mapping[str, float]"]
"""Made-up rows, and the metrics that ``compute_metrics`` returns for them."""


@check(
    "metrics.definition",
    cost="free",
    needs=(LABEL_PER_ROW,),
    # Fraction of the rows from which on class 0 is so frequent that its own F1 is meaningless.
    thresholds={"difference": 1e-4, "frequent": 0.6},
    catches="a threshold on a raw logit, argmax over one column, precision and recall exchanged: mistakes that a good "
    "model hides; F1 of the frequent class 0 instead of class 1",
    hint="look at compute_metrics: use argmax over the last axis of the logits, a threshold on probabilities and not "
    "on logits, the right order of predictions and references, and the average of the metric's name.",
)
def definition(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """``compute_metrics`` returns metrics that fit their names, for right and for wrong logits.

    The check calls it three times with the labels of the evaluation and made-up logits. A metric of a known name must
    always agree with the same definition of that name. The metric that decides must change between the calls. F1,
    precision and recall of two classes are those of class 1 unless the name says otherwise: metrics of class 0 fail if
    that class is the frequent one and has a negative name ("no", "other", "LABEL_0"), and warn if it has another name.

    Assumes: a metric fits its name, and is a function of logits and labels.

    Unusual but healthy: custom names are not compared, other definitions of a name pass; a function that does not
    accept made-up logits is skipped.

    False alarms: none by chance: a metric that may correctly be equal in all three calls passes.
    """
    questions = _questions(evidence)
    found = []
    for key in questions[0][1]:
        values = [answers[key] for _, answers in questions if math.isfinite(answers.get(key, math.nan))]
        if len(values) < len(questions):
            continue
        names = _readings(key, questions)
        # With few rows of a class, its recall may be the same in all calls.
        moves = not names or not any(len(set(right)) == 1 for right in names.values())
        if len(set(values)) == 1 and moves and _decides(evidence, key):
            shares = ", ".join(f"{share:.0%}" for share in _RIGHT)
            expected = f"{key} to depend on the predictions: made-up ones are right in {shares} of the rows"
            found.append(finding(expected, f"{values[0]:.4g} for all of them"))
        elif names:
            wrong = [name for name, readings in names.items() if not _is(values, readings, thresholds["difference"])]
            if len(wrong) == len(names):
                found.append(_wrong(evidence, key, values, questions, thresholds["difference"]))
            else:
                found += _of_frequent_class(key, names.keys() - set(wrong), questions[0][0], thresholds["frequent"])
    return found


def _questions(evidence: Evidence) -> list[_Question]:
    """Call ``compute_metrics`` with made-up logits ``[N, K]``.

    Raises:
        NotApplicable: there is no such function, or it fails.

    """
    pipeline = evidence.pipeline
    labels, compute = np.asarray(evidence.labels(pipeline.eval_dataset)), pipeline.compute_metrics
    if compute is None:
        msg = "there is no compute_metrics"
        raise NotApplicable(msg)
    regression = pipeline.card.head_rules.values
    if labels.ndim != 1 or labels.dtype.kind not in ("f" if regression else "iu") or len(labels) < _FEWEST:
        msg = f"fewer than {_FEWEST} evaluated rows with a label each, or labels of another kind"
        raise NotApplicable(msg)
    generator = np.random.default_rng(evidence.seed)
    made: list[_Question] = []
    for right in _RIGHT:
        rows = _values(labels, right, generator) if regression else _classes(evidence, labels, right, generator)
        try:
            answers = _answers(evidence, rows)
        except Exception as error:
            msg = f"compute_metrics fails with made-up logits: {type(error).__name__}"
            raise NotApplicable(msg) from error
        made.append((rows, answers))
    return made


def _answers(evidence: Evidence, rows: SingleLabelRows) -> dict[str, float]:
    """Return the metrics that ``compute_metrics`` returns for made-up rows."""
    compute: Any = evidence.pipeline.compute_metrics
    labels = np.asarray(evidence.labels(evidence.pipeline.eval_dataset))
    given = EvalPrediction(predictions=np.asarray(rows.logits, np.float32), label_ids=labels)
    return {str(key): float(value) for key, value in compute(given).items() if np.ndim(value) == 0}


def _classes(evidence: Evidence, labels: NDArray[Any], right: float, generator: np.random.Generator) -> SingleLabelRows:
    """Make logits that are right in a fraction of the rows; most of the others are one class, as in a biased model."""
    card = evidence.pipeline.card
    classes = card.num_labels
    guesses = np.where(generator.random(len(labels)) < 0.7, classes - 1, generator.integers(classes, size=len(labels)))
    favoured = np.where(generator.random(len(labels)) < right, labels % classes, guesses)
    logits = generator.normal(size=(len(labels), classes)) + _SHIFT * generator.normal(size=(len(labels), 1))
    logits[np.arange(len(labels)), favoured] = logits.max(axis=1) + generator.uniform(0.1, 2.0, size=len(labels))
    logits = logits.astype(np.float32).astype(np.float64)
    predictions = card.head_rules.outputs.predictions(logits)
    names = card.label_names if len(card.label_names) == classes else tuple(map(str, range(classes)))
    return SingleLabelRows(labels.astype(np.int64), predictions, logits, classes, names)


def _values(labels: NDArray[Any], right: float, generator: np.random.Generator) -> SingleLabelRows:
    """Make values that are near the labels in a fraction of the rows, off by a third and noisy."""
    spread = float(labels.std()) or 1.0
    noise = generator.normal(scale=spread, size=len(labels)) * (1.2 - right)
    values = (0.7 * labels + 0.3 * spread + noise).astype(np.float32).astype(np.float64)
    return SingleLabelRows(labels.astype(np.float64), values, values[:, None], 1, ())


def _decides(evidence: Evidence, key: str) -> bool:
    """Return whether a metric selects the epoch or has a known name: other metrics, such as counts, may be constant."""
    best = evidence.pipeline.args.get("metric_for_best_model") or evidence.pipeline.card.metric_for_best_model
    return key.removeprefix("eval_") == str(best).removeprefix("eval_") or key.casefold() in _OTHERS


def _readings(key: str, questions: list[_Question]) -> dict[str, list[float]]:
    """Return the values that a metric of this name may have, for each question, by how they are computed.

    Some count rows without a label (-100) as wrong, some leave them out.
    """
    found: dict[str, list[float]] = {}
    for how in ("all rows", "labelled rows"):
        rows = [made if how == "all rows" else made.take(made.has_label) for made, _ in questions]
        values = [known_values(key, made) for made in rows]
        found |= {
            f"{name} of {how}": [each[name] for each in values]
            for name in values[0]
            if all(name in each for each in values)
        }
    return found


def _is(values: list[float], readings: list[float], difference: float) -> bool:
    return all(agrees(value, reading, difference) for value, reading in zip(values, readings, strict=True))


def _of_frequent_class(key: str, right: set[str], rows: SingleLabelRows, frequent: float) -> list[Finding]:
    """Find a metric of class 0 alone, if most rows have that class: constant predictions then look good."""
    share, name = float(np.mean(rows.labels == 0)), rows.names[0] if rows.names else ""
    if not right or share < frequent or any(not how.startswith(f"of class {name} of ") for how in right):
        return []
    expected = f"{key} of class {rows.names[1]}, as scikit-learn has it (pos_label=1)"
    observed = f"{key} of class {name} (pos_label=0), which {share:.0%} of the rows are of"
    hint = "remove pos_label, or name the metric after its class, or use average='macro'."
    if _NEGATIVE.match(name.strip().casefold()):
        return [finding(expected, observed, hint=hint)]
    return [warning(f"{expected} (fails where class 0 has a negative's name)", observed, share=share, hint=hint)]


def _forgets_nothing(evidence: Evidence, key: str, question: _Question) -> bool:
    """Return whether a second call with the same rows gives another value."""
    rows, first = question
    return not _is([first[key]] * 2, [_answers(evidence, rows).get(key, math.nan) for _ in range(2)], 1e-9)


def _is_prepared_otherwise(evidence: Evidence, key: str, questions: list[_Question], difference: float) -> bool:
    """Return whether a metric is right without ``preprocess_logits_for_metrics``."""
    compute = evidence.pipeline.compute_metrics
    if not isinstance(compute, PreparedMetrics):
        return False
    labels = np.asarray(evidence.labels(evidence.pipeline.eval_dataset))
    values = []
    for rows, _ in questions:
        # A regression's logits as one value for each row, the shape that compute_metrics may get.
        logits = np.asarray(rows.predictions if rows.regression else rows.logits, np.float32)
        try:
            answers = compute.compute(EvalPrediction(predictions=logits, label_ids=labels))
            values.append(float(answers.get(key, math.nan)))
        except Exception:  # noqa: BLE001 - it may want what the preparation returns
            return False
    return any(_is(values, readings, difference) for readings in _readings(key, questions).values())


def _wrong(evidence: Evidence, key: str, values: list[float], questions: list[_Question], difference: float) -> Finding:
    rows = questions[0][0]
    expected = f"{key} of made-up logits, right in {_RIGHT[0]:.0%} of {len(rows)} rows: "
    right = ", ".join(f"{value:.4f}" + (f" ({how})" if how else "") for how, value in known_values(key, rows).items())
    if other := _other_class(key, values, questions, difference):
        return finding(expected + right, f"{values[0]:.4f}: {other}")
    others = [
        f": it is {name}{f' ({how})' if how.removeprefix('all classes, ') else ''}"
        for name in _OTHERS
        for how in known_values(name, rows)
        if _is(values, [known_values(name, made).get(how, math.nan) for made, _ in questions], difference)
    ]
    if _is_prepared_otherwise(evidence, key, questions, difference):
        others.insert(0, ": it is right with the model's own logits: preprocess_logits_for_metrics changes them")
    swapped = [made.swapped() for made, _ in questions]
    if any(
        _is(values, [known_values(key, made).get(how, math.nan) for made in swapped], difference)
        for how in known_values(key, swapped[0])
    ):
        others.insert(0, f": it is {key} with predictions and references exchanged")
    areas = [roc_auc_of_answers(made) for made, _ in questions] if "roc_auc" in known_names(key) else []
    if areas and any(_is(values, [each.get(how, math.nan) for each in areas], difference) for how in areas[0]):
        others.insert(0, ": it is that of predicted classes (argmax), not of scores such as probabilities")
    if _forgets_nothing(evidence, key, questions[0]):
        others.insert(0, ": a second call gives another value: compute_metrics keeps state of earlier calls")
    size = evidence.pipeline.args.get("per_device_eval_batch_size", _BATCH)
    last = len(rows) % size or size
    ends = [made.take(np.arange(len(made)) >= len(made) - last) for made, _ in questions]
    if any(
        _is(values, [known_values(key, made).get(how, math.nan) for made in ends], difference)
        for how in known_values(key, ends[0])
    ):
        others.insert(0, f": it is the {key} of the last batch alone, {last} of the rows")
    return finding(expected + right, f"{values[0]:.4f}{others[0] if others else ''}")


def _other_class(key: str, values: list[float], questions: list[_Question], difference: float) -> str:
    """Name the class to which a metric belongs, if its key names another one."""
    rows = questions[0][0]
    named = named_class(key, rows)
    if named is None:
        return ""
    by_class = [of_classes(named[0], made) for made, _ in questions]
    found = [name for index, name in enumerate(rows.names) if _is(values, [row[index] for row in by_class], difference)]
    return f"it is the {named[0]} of class {found[0]}: names and class ids are in different orders" if found else ""
