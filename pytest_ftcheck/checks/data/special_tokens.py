"""What must hold for special tokens: each stands where the tokenizer puts it, once."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import Limits, NotApplicable, check, finding
from pytest_ftcheck.checks.data.encoded import tokens_of
from pytest_ftcheck.checks.data.splits import SAMPLE, exceeds, filled, share

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 4 * SAMPLE


@check(
    "data.special_tokens",
    cost="free",
    limits={"rows": 0.02},
    false_alarms=2e-4,
    catches="[CLS] and [SEP] that are written into the text, and added by the tokenizer as well; tokens that are "
    "wrapped twice",
    hint="give the tokenizer the texts alone: it adds the special tokens itself; where you add them, "
    "add_special_tokens=False.",
)
def special_tokens(evidence: Evidence, limits: Limits) -> list[Finding]:
    """The special tokens around a row are there once.

    Assumes: the tokenizer adds special tokens by itself.

    Unusual but healthy: a tokenizer that adds none is skipped. An empty text, which has both ends side by side, is let
    through.

    False alarms: at most 2e-4 a session (exact binomial test), where no more rows than the limit are bad.
    """
    first, last = _around(evidence.tokenizer)
    if not first and not last:
        msg = "the tokenizer puts no special tokens around a text"
        raise NotApplicable(msg)
    names: Any = evidence.tokenizer.convert_ids_to_tokens
    found = []
    for split in filled(evidence):
        indices = split.few(_ROWS)
        rows = tokens_of(evidence, split, indices)
        for place, once, twice in (
            ("begin with", first, [row[: 2 * len(first)] == first * 2 for row in rows]),
            ("end with", last, [row[-2 * len(last) :] == last * 2 for row in rows]),
        ):
            bad = [index for index, is_twice in zip(indices, twice, strict=True) if once and is_twice]
            if exceeds(len(bad), len(indices), limits["rows"]):
                observed = f"{share(len(bad), len(indices))} sampled rows {place} {' '.join(names(once * 2))}, "
                observed += f"the first is row {bad[0]}"
                found.append(finding(f"{' '.join(names(once))} once", observed, subject=split.subject))
    return found


def _around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens that a tokenizer puts before and after a text."""
    special = set(tokenizer.all_special_ids)
    ids = [int(token) for token in tokenizer("a", verbose=False)["input_ids"]]
    first = list(takewhile(special.__contains__, ids))
    if len(first) == len(ids):  # the text itself is an unknown token
        return [], []
    return first, list(takewhile(special.__contains__, reversed(ids)))[::-1]
