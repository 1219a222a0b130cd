"""Whether the splits have rows, raw and tokenized alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import Limits, check, finding
from pytest_ftcheck.checks.data.splits import splits

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "data.splits_not_empty",
    cost="free",
    catches="a filter that leaves nothing, rows that were lost or doubled between the texts and their tokens",
    hint="look at what filters, joins or drops rows before and while tokenizing; a batched map must return as many as "
    "it got.",
)
def splits_not_empty(evidence: Evidence, _limits: Limits) -> list[Finding]:
    """Both splits have rows, and as many tokenized as raw ones.

    Assumes: row i of the raw data became row i of the tokens.

    Unusual but healthy: long texts that are cut into several rows are red where the raw rows stay beside them.

    False alarms: none by chance.
    """
    found = []
    for split in splits(evidence):
        raw, rows = len(split.raw), len(split.rows)
        if not rows:
            found.append(finding("at least one row", "0 rows", subject=split.subject))
        elif raw != rows:
            found.append(finding(f"{raw} tokenized rows, one for each raw row", str(rows), subject=split.subject))
    return found
