"""Checks whether a few rows can be memorised, with the pipeline's own loss, model and optimizer."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, check, finding
from pytest_ftcheck.checks.metrics.tagged import has_tags
from pytest_ftcheck.checks.training.declared import own_loss, probed
from pytest_ftcheck.columns import joined_ids, label_values
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.heads.traits import IGNORED, LABEL_PER_ROW, LABEL_SETS, POSITIONS
from pytest_ftcheck.training.fingerprint import fingerprint_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.training.probe import Probe

_CANDIDATES = 256
_FEWEST = 4
_SLOW = 2e-4
"""Learning rates below this one are those of large models: too slow for so few steps."""
_LONGER = 4
_LEFT = 0.5
"""Fraction of the loss of the best constant below which rows count as memorised."""
_CLOSE = 0.9
"""Correlation of memorised values with their labels."""


@check(
    "training.overfits_batch",
    cost="extra-training",
    thresholds={"rows": 8, "steps": 30},
    false_alarms=1e-3,
    catches="a learning rate of 0 or far too high, frozen weights, gradients that do not arrive, a loss that does not "
    "use these logits and labels, inputs that are all equal for the model",
    hint="look at the learning rate and the optimizer's parameters, at frozen layers, at max_grad_norm, at whether the "
    "loss compares the logits with their own rows' labels, and at whether token ids and mask reach the model.",
)
def overfits_batch(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """One batch can be learned by heart.

    The check trains without dropout at a constant learning rate: the recipe's own, and ten and a hundred times as much,
    because a recipe for thousands of steps may be too slow for a few dozen. If the loss has fallen by a third, four
    times as many steps are taken. For a head without one label for each row, the loss of the logits must be less than
    half of the best constant's.

    Assumes: eight rows with their labels can be learned by heart in a few dozen steps.

    Unusual but healthy: recipes with a low learning rate or dropout pass, because the check tries three rates without
    dropout. A loss of the user's own that fails on rows which all lack a label, because it weights labels by their
    frequencies, is skipped. Labels that contradict each other, and an optimizer that is slow by design, fail: raise
    ``steps``.

    False alarms: an allowance of 1e-3, because no test bounds the rate: three attempts must fail
    (measured by the benchmark of false alarms).
    """
    evidence.require_training()
    if evidence.pipeline.card.head_rules.masks is not None:
        msg = "the rows have no labels of their own to be learned by heart: the collator draws them"
        raise NotApplicable(msg)
    rows = distinct_rows(evidence, int(thresholds["rows"]))
    labels = evidence.label_array(evidence.pipeline.train_dataset.select(rows))
    attempts, failed = [], 0
    for factor in _factors(evidence):
        try:
            probe = _attempt(evidence, rows, int(thresholds["steps"]), factor)
        except CheckFailure as failure:
            if failure.findings[0].check == "model.logits_shape":
                raise ReportedBy(check="model.logits_shape", reason=failure.findings[0].observed) from failure
            attempts.append(f"{factor:g} times its learning rate: {failure.findings[0].observed}")
            failed += 1
            continue
        learned, seen = _judge(evidence, probe, labels)
        if not learned and _falls(probe):  # a model from scratch, or a small learning rate, needs more steps
            probe = _attempt(evidence, rows, _LONGER * int(thresholds["steps"]), factor)
            learned, seen = _judge(evidence, probe, labels)
        if learned:
            return []
        attempts.append(f"{factor:g} times its learning rate: {seen}")
    if failed == len(attempts) and own_loss(evidence) and _lack_a_label(labels):
        msg = f"the user's own loss fails on {len(rows)} rows of which none, or each, has some label: it may weight "
        msg += f"labels by their frequencies ({attempts[0]})"
        raise NotApplicable(msg)
    return [finding(f"{len(rows)} rows learned by heart in {thresholds['steps']:g} steps", "; ".join(attempts))]


def _lack_a_label(labels: Any) -> bool:
    """Return whether a label of ``[N, K]`` is the same in all rows: weights of frequencies are then not finite."""
    return labels.ndim > 1 and bool((np.ptp(labels, axis=0) == 0).any())


def _factors(evidence: Evidence) -> tuple[float, ...]:
    slow = float(evidence.pipeline.args.get("learning_rate", 5e-5)) < _SLOW
    return (10, 1, 100) if slow else (1, 10, 100)


def _attempt(evidence: Evidence, rows: Sequence[int], steps: int, factor: float) -> Probe:
    return probed(
        evidence,
        steps=steps,
        train_rows=tuple(rows),
        eval_split="train_dataset",
        eval_rows=len(rows),
        dropout=False,
        learning_rate_factor=factor,
        per_device_train_batch_size=len(rows),
        gradient_accumulation_steps=1,
    )


def _falls(probe: Probe) -> bool:
    """Return whether the loss is below two thirds of its first value."""
    return bool(probe.losses) and probe.losses[-1] < probe.losses[0] * 2 / 3


def _judge(evidence: Evidence, probe: Probe, labels: Any) -> tuple[bool, str]:
    """Return whether the rows were learned, and a description of the result."""
    loss = f"training loss from {probe.losses[0]:.4f} to {probe.losses[-1]:.4f}" if probe.losses else "no loss"
    head = evidence.pipeline.card.head_rules
    if not ({LABEL_PER_ROW, POSITIONS, LABEL_SETS} & head.traits or has_tags(evidence)):
        # Use the loss of the logits, not of the training: a training loss of other rows or labels falls as well.
        left = float(head.loss(torch.as_tensor(probe.logits), torch.as_tensor(labels)))
        constant = head.loss.of_constant(labels, evidence.pipeline.card.num_labels)
        return left < _LEFT * constant, f"{head.loss.name} {left:.4f} (the best constant: {constant:.4f}), {loss}"
    if head.values:
        values = probe.logits.reshape(len(probe.logits), -1)[:, 0]
        correlation = float(np.corrcoef(values, labels)[0, 1]) if values.std() > 0 else 0.0
        return correlation >= _CLOSE, f"predictions and labels correlate with {correlation:.2f}, {loss}"
    if {POSITIONS, LABEL_SETS} & head.traits:
        # Both positions, or all labels of a row, must be right; a fraction of votes counts as a label or none.
        right = int((head.outputs.raw_predictions(probe.logits) == np.rint(labels)).all(axis=1).sum())
        return right == len(labels), f"{right} of {len(labels)} right, {loss}"
    predictions = probe.logits.argmax(axis=-1)
    if has_tags(evidence):  # the batch may be padded further than its longest row
        predictions = predictions[:, : labels.shape[1]]
    counts = labels != IGNORED  # of rows, each has a label
    right, total = int(((predictions == labels) & counts).sum()), int(counts.sum())
    return right == total, f"{right} of {total} right, {loss}"


def _labels(evidence: Evidence, rows: Dataset) -> list[Any]:
    """Return the labels of rows as values that can be compared and counted."""
    columns = evidence.pipeline.label_columns
    return list(rows[columns[0]]) if len(columns) == 1 else [tuple(label) for label in label_values(rows)]


def distinct_rows(evidence: Evidence, count: int) -> list[int]:
    """Choose training rows with different tokens and varied labels, the shortest first: they train fast.

    Raises:
        NotApplicable: the rows have no token ids, or too few of them differ.

    """
    rows, pad_id = evidence.pipeline.train_dataset, evidence.pipeline.pad_id
    if "input_ids" not in rows.column_names:
        msg = "the training rows have no input_ids"
        raise NotApplicable(msg)
    candidates = np.linspace(0, len(rows) - 1, min(_CANDIDATES, len(rows))).astype(int).tolist()
    chosen = rows.select(candidates)
    ids, labels = list(chosen["input_ids"]), _labels(evidence, chosen)
    lengths = [sum(token != pad_id for token in joined_ids(row)) for row in ids]
    by_content = dict(zip(fingerprint_rows(ids, pad_id), range(len(ids)), strict=True))
    if has_tags(evidence):  # rows that have the same tags, in any order
        labels = [tuple(sorted(set(tags))) for tags in labels]
    elif not {LABEL_PER_ROW, POSITIONS} & evidence.pipeline.card.head_rules.traits:
        labels = list(map(repr, labels))  # a list of labels as a hashable text
    by_label: dict[Any, list[int]] = {}
    for place in sorted(by_content.values(), key=lambda place: (lengths[place], place)):
        by_label.setdefault(labels[place], []).append(place)
    if evidence.pipeline.card.head_rules.values:  # there are many values: take them over the whole range
        shortest = sorted((place for places in by_label.values() for place in places), key=lengths.__getitem__)
        spread = sorted(shortest[: 4 * count], key=labels.__getitem__)
        places = [spread[index] for index in np.linspace(0, len(spread) - 1, min(count, len(spread))).astype(int)]
    else:
        rounds = zip_longest(*(by_label[label] for label in sorted(by_label)))
        places = [place for places in rounds for place in places if place is not None][:count]
    if len(places) < _FEWEST or len({labels[place] for place in places}) == 1:
        msg = f"among {len(candidates)} training rows there are not {_FEWEST} different ones with different labels"
        raise NotApplicable(msg)
    return sorted({candidates[place] for place in places})
