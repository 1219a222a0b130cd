"""Evidence of masked tokens, for checks that know nothing of masks that are drawn anew for every batch.

Whoever compares two ways to the same result needs the same masks in both: these checks see each row masked as the
project's collator does it, but the same each time. Those of tokens and padding see the tokens before they are masked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.pipeline.parts import Pipeline


@dataclass(frozen=True)
class SteadyMasks:
    """Gives a pipeline a collator that masks each row the same each time; see `MaskRules.steady`."""

    then: Callable[[Pipeline], Pipeline] | None = None
    """What else is changed."""

    def __call__(self, pipeline: Pipeline) -> Pipeline:
        """Return the changed pipeline."""
        masks = pipeline.card.head_rules.masks
        steady = pipeline if masks is None else replace(pipeline, data_collator=masks.steady(pipeline.data_collator))
        return steady if self.then is None else self.then(steady)


def with_steady_masks(evidence: Evidence) -> Evidence:
    """Return evidence whose batches and short fine-tunes mask a row the same each time; the very same without masks."""
    return evidence.once(_steady)


def before_masking(evidence: Evidence) -> Evidence:
    """Return evidence whose batches have no masks and no labels; the very same without masks."""
    return evidence.once(_unmasked)


def _steady(evidence: Evidence) -> Evidence:
    masks = evidence.pipeline.card.head_rules.masks
    if masks is None:
        return evidence

    def probe(**changes: Any) -> Any:
        return evidence.probe(**changes | {"variant": SteadyMasks(changes.get("variant"))})

    collator = masks.steady(evidence.evaluation_collator)
    return evidence.of_parts(replace(evidence.pipeline, data_collator=collator), make_probe=probe)


def _unmasked(evidence: Evidence) -> Evidence:
    masks = evidence.pipeline.card.head_rules.masks
    if masks is None:
        return evidence
    return evidence.of_parts(replace(evidence.pipeline, data_collator=masks.unmasked(evidence.evaluation_collator)))
