"""What a run of masked tokens does not tell: labels of another evaluation, and logits over the vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence


def require_same_labels(evidence: Evidence) -> None:
    """Stop a check that takes labels of a run for those of another evaluation, or of the data set.

    Raises:
        NotApplicable: each evaluation masks other tokens.

    """
    if evidence.pipeline.draws_labels_anew:
        msg = "each evaluation masks other tokens: metrics.evaluation_masks tells"
        raise NotApplicable(msg)


def require_logits_of_metrics(evidence: Evidence) -> None:
    """Stop a check that computes a user's metrics of the logits of a run.

    Raises:
        NotApplicable: the run does not keep the logits that they are computed of.

    """
    card = evidence.pipeline.card
    if card.head_rules.kept is not None and card.metric.path not in card.head_rules.scoring.own_metrics:
        msg = f"a run keeps {' and '.join(card.head_rules.kept.names)}, not the logits that compute_metrics takes"
        raise NotApplicable(msg)
