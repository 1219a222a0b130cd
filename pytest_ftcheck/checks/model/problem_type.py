"""Checks of the model's configuration: its problem_type fits the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.splits import filled, label_values
from pytest_ftcheck.checks.training.declared import own_loss
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_HINT = "pass num_labels=2 to from_pretrained; for a regression, give the labels as floats."


@check(
    "model.problem_type",
    cost="free",
    catches="a problem_type that is inherited from another fine-tune and selects a wrong loss for the labels",
    hint="set model.config.problem_type to None, and the model derives it from its labels; or give problem_type to "
    "from_pretrained.",
)
def problem_type(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The configuration's ``problem_type`` fits the labels, or is None.

    Assumes: the training uses the model's own loss, which ``problem_type`` selects.

    Unusual but healthy: a Trainer with a loss of its own, which ignores ``problem_type``, is skipped. A regression
    whose targets are only the integers 0 and 1 fails.

    False alarms: none by chance. Two settings are compared.
    """
    del thresholds
    if own := own_loss(evidence):
        msg = f"the Trainer has a loss of its own ({', '.join(own)}): the model's problem_type has no effect"
        raise NotApplicable(msg)
    config: Any = unwrapped(evidence.fresh_model).config
    given, card = getattr(config, "problem_type", None), evidence.pipeline.card
    head = card.head_rules
    if head.values and (two := _two_classes(evidence)):
        observed = f"num_labels = 1, which makes it a regression; the labels are the whole numbers {two}"
        return [finding("num_labels = 2, for labels of two classes", observed, hint=_HINT)]
    right = head.model.problem_type
    if given in {None, right}:
        return []
    labels = head.model.labels_in_words(card.num_labels)
    observed = f"problem_type = {given!r}: it is set by hand, or inherited from the checkpoint's own fine-tune"
    return [finding(f"problem_type = {right!r}, or none: the labels are {labels}", observed)]


def _two_classes(evidence: Evidence) -> str:
    """Describe the labels if they are two whole numbers, like class ids; an empty text if they are not."""
    values = {value for rows in filled(evidence) for value in label_values(evidence, rows)}
    whole = all(isinstance(value, int) for value in values)
    return "0 and 1" if whole and values == {0, 1} else ""
