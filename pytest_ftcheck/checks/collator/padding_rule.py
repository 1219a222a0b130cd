"""The width to which a collator pads, derived from its attributes and its first batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_ftcheck.checks.collator.batches import CollatorSubject

# transformers writes "no limit" as a model_max_length of 1e30; above this it does not pad at all.
_NO_LIMIT = 10**20
# Tensor Core friendly blocks that a collator may pad to without saying so.
_USUAL_MULTIPLES = (2, 4, 8, 16, 32, 64, 128)
_WIDEST_MARGIN = 2


@dataclass(frozen=True)
class PaddingRule:
    """The width to which a collator pads, derived from its attributes."""

    declared: bool
    """False for a plain function: it has neither `padding` nor `pad_to_multiple_of`, so its width is a guess."""
    multiple: int | None
    """`pad_to_multiple_of`."""
    fixed: int | None
    """The width of ``padding="max_length"``."""
    known_limits: tuple[int, ...]
    """Plausible fixed widths of a collator without declared padding."""
    blocks: tuple[int, ...] = _USUAL_MULTIPLES
    """Plausible multiples of a collator without declared padding."""
    margin: int = 0
    """Number of columns that such a collator adds to its narrowest batch: it may add them to all batches."""

    @classmethod
    def of(cls, subject: CollatorSubject) -> PaddingRule:
        """Read the rule from the collator's attributes, or from the keywords of a `functools.partial`."""
        padding = _attribute(subject, "padding")
        padding = getattr(padding, "value", padding)
        multiple = _attribute(subject, "pad_to_multiple_of")
        model_limit = getattr(subject.processing_class, "model_max_length", None)
        limits = [limit for limit in (_attribute(subject, "max_length"), model_limit) if limit and limit < _NO_LIMIT]
        rule = cls(
            declared=isinstance(padding, (bool, str)) or multiple is not None,
            multiple=int(multiple) if multiple else None,
            fixed=int(limits[0]) if limits and padding == "max_length" else None,
            known_limits=(*(int(limit) for limit in limits), subject.max_length),
        )
        narrowest = subject.narrowest
        if narrowest is None or multiple or (rule.declared and narrowest in rule.widths(subject.min_length)):
            return rule
        # A subclass that pads in its own way still has the `padding` of its parent.
        margin = narrowest - subject.min_length
        margin = margin if 0 < margin <= _WIDEST_MARGIN else 0
        return replace(rule, declared=False, blocks=(*_USUAL_MULTIPLES, narrowest), margin=margin)

    def widths(self, longest: int) -> tuple[int, ...]:
        """Return the widths T that are right for a batch whose longest row has `longest` tokens."""
        if self.declared:
            width = max(longest, self.fixed or 0)
            return (round_up(width, self.multiple) if self.multiple else width,)
        rounded = (round_up(longest, block) for block in self.blocks)
        limits = (limit for limit in self.known_limits if limit > longest)
        return tuple(dict.fromkeys((longest, longest + self.margin, *rounded, *limits)))

    def describe(self, longest: int) -> str:
        """Describe the rule for a batch whose longest row has `longest` tokens."""
        width = self.widths(longest)[0]
        reason = f"the longest row has {longest}"
        if self.fixed:
            reason = f"padding='max_length' with {self.fixed}; {reason}"
        if self.multiple:
            reason = f"pad_to_multiple_of={self.multiple}; {reason}"
        return f"T = {width} ({reason})"


def _attribute(subject: CollatorSubject, name: str) -> Any:
    keywords = getattr(subject.data_collator, "keywords", None) or {}
    return getattr(subject.data_collator, name, keywords.get(name))


def round_up(length: int, multiple: int) -> int:
    """Round a length up to a multiple."""
    return -(-length // multiple) * multiple
