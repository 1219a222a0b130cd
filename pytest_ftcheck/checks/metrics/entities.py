"""Checks whether predicted tags are not constant, and better than those of a trivial model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, finding
from pytest_ftcheck.checks.metrics.tagged import entity_value, flat, outside_id, tagged_rows, with_predictions
from pytest_ftcheck.heads.entities import entities_of, rows_of_tags
from pytest_ftcheck.heads.tag_schemes import spells_entities

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.heads.rows import EvaluatedRows


def constant_tags(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Find predictions of one tag for all words, or of no entity although at least ``rows`` are labelled."""
    rows = tagged_rows(evidence)
    labels, predictions = flat(rows)
    most = int(np.bincount(np.maximum(predictions, 0), minlength=len(rows.label_names)).argmax())
    others = int((labels != most).sum())
    labelled, predicted = _entities(rows)
    one_tag = bool((predictions == predictions[0]).all())
    if not one_tag and not (labelled and predicted == 0 and outside_id(rows) is not None):
        return []
    if (labelled or others) < thresholds["rows"]:
        msg = f"only {labelled or others} entities or other tags are labelled: a good model may miss so few by chance"
        raise NotApplicable(msg)
    name = rows.label_names[most]
    observed = f"{name} for {int((predictions == most).sum())} of {len(predictions)} words, no entity"
    if predicted:
        observed = f"{name} for all {len(predictions)} words"
    return [finding(f"entities where entities are labelled: {labelled} in {len(rows)} rows", observed)]


def _entities(rows: EvaluatedRows) -> tuple[int, int]:
    """Count the labelled and the predicted entities."""
    pairs = rows_of_tags(rows)
    labelled, predicted = (sum(len(entities_of(pair[side])) for pair in pairs) for side in (0, 1))
    return labelled, predicted


def worse_than_trivial(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Find a model whose F1 of entities, or accuracy of other tags, is not above that of the best constant tag."""
    rows = tagged_rows(evidence)
    labelled, _ = _entities(rows)
    by_entities = spells_entities(rows.label_names)
    name = "overall_f1" if by_entities else "overall_accuracy"
    if by_entities and labelled < thresholds["rows"]:
        msg = f"only {labelled} entities are labelled: too few to distinguish a model from a guess"
        raise NotApplicable(msg)
    tags = range(len(rows.label_names))
    constants = [(entity_value(with_predictions(rows, np.full(rows.label_ids.shape, tag)), name), tag) for tag in tags]
    best, tag = max(constants)
    value = entity_value(rows, name)
    # Written so that NaN counts as not better.
    if value > best:
        return []
    what = "F1 of entities" if by_entities else "accuracy of words"
    return [finding(f"{what} above {best:.4f}, of {rows.label_names[tag]} for every word", f"{value:.4f}")]
