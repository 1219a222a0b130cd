"""Checks of the model's configuration: it says of the labels what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.splits import filled, label_values
from pytest_ftcheck.checks.training.declared import own_loss
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_HINT = "give from_pretrained num_labels=2; or, where numbers are learned, give the labels as floats."


@check(
    "model.problem_type",
    cost="free",
    catches="a problem_type that is inherited from another fine-tune, and chooses another loss than the labels need",
    hint="set model.config.problem_type to None, and the model finds it from its labels; or give problem_type to "
    "from_pretrained.",
)
def problem_type(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The configuration's ``problem_type`` is that of the labels, or none.

    Assumes: the model's own loss is trained, which ``problem_type`` chooses.

    Unusual but healthy: a Trainer with a loss of its own, which the setting does not reach: skipped. Numbers to be
    learned that are 0 and 1 alone, as integers: red.

    False alarms: none by chance. Two words are compared.
    """
    del thresholds
    if own := own_loss(evidence):
        msg = f"the Trainer has a loss of its own ({', '.join(own)}): the model's problem_type chooses none"
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
    """Describe the labels where they are two whole numbers, as class ids are; an empty text where they are not."""
    values = {value for rows in filled(evidence) for value in label_values(evidence, rows)}
    whole = all(isinstance(value, int) for value in values)
    return "0 and 1" if whole and values == {0, 1} else ""
