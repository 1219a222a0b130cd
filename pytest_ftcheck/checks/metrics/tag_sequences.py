"""Checks of sequences of predicted tags: they follow the scheme of the data's own tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.data.splits import share
from pytest_ftcheck.checks.data.word_tags import require_entities
from pytest_ftcheck.checks.metrics.tagged import tagged_rows
from pytest_ftcheck.heads.entities import entities_of, rows_of_tags
from pytest_ftcheck.heads.tag_schemes import ill_formed, likely_scheme
from pytest_ftcheck.heads.traits import LABEL_PER_TOKEN

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "metrics.tag_sequences",
    cost="run",
    needs=(LABEL_PER_TOKEN,),
    # Fractions of the predicted entities.
    thresholds={"fail": 0.8, "warn": 0.2, "entities": 20},
    catches="predicted entities that break the scheme, such as I-PER without B-PER: trained in another scheme, or weak",
    hint="compare the tags of both splits (data.tag_scheme); a strict reader of the predictions ignores such entities, "
    "and aggregation_strategy of pipeline() repairs them in its own way.",
)
def tag_sequences(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Predicted tags follow the scheme of the labels.

    Each token is predicted alone, so that some predicted entities break the scheme: the check warns with their
    fraction, and fails at a fraction that does not occur after a correct training.

    Assumes: the labels of the evaluation follow one scheme.

    Unusual but healthy: weak models often break the scheme: 20% warn, 80% fail; with fewer than 20 predicted entities,
    the check is skipped.

    False alarms: none by chance in any run so far: a model that learned one scheme breaks it in a few of 100 entities.
    """
    names = require_entities(evidence)
    pairs = rows_of_tags(tagged_rows(evidence))
    scheme, _ = likely_scheme([labels for labels, _ in pairs], names)
    predicted = sum(len(entities_of(tags)) for _, tags in pairs)
    if predicted < thresholds["entities"]:
        msg = f"{predicted} entities are predicted, fewer than {thresholds['entities']:g}"
        raise NotApplicable(msg)
    broken = min(sum(ill_formed(tags, scheme) for _, tags in pairs), predicted)
    observed = f"{share(broken, predicted)} break it"
    if broken > thresholds["fail"] * predicted:
        return [finding(f"predicted entities of {scheme}, the scheme of the labels", observed)]
    if broken > thresholds["warn"] * predicted:
        expected = f"predicted entities of {scheme}, the scheme of the labels (more than {thresholds['fail']:.0%} fail)"
        return [warning(expected, observed, share=broken / predicted)]
    return []
