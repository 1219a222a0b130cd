"""Checks whether labelled spans are possible; without the raw answers, nothing more can be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.data.splits import filled, share
from pytest_ftcheck.columns import POSITION_NAMES, scalars
from pytest_ftcheck.heads.traits import POSITIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_FEWEST = 20
"""Windows below which one label for all of them is no surprise."""


@check(
    "data.answer_spans",
    cost="free",
    needs=(POSITIONS,),
    catches="a last token that is one too low, labels that stay at [CLS] because no offset equals answer_start, labels "
    "on padding",
    hint="the last token is part of the answer. Compare offsets with answer_start and answer_start + len(text), of the "
    "context as it was tokenized, and print some labelled tokens.",
)
def answer_spans(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A labelled span ends at or after its first token, is not padding, and not all windows have the same span.

    Assumes: start_positions and end_positions are tokens of the row. A position beyond the row is ignored by the loss
    of transformers, and here as well.

    Unusual but healthy: a split of fewer than 20 windows may have one span.

    False alarms: none by chance.
    """
    del thresholds
    found, known = [], False
    for split in filled(evidence):
        if not set(POSITION_NAMES) <= set(split.rows.column_names):
            continue
        known = True
        first, last = (np.asarray(scalars(split.rows, name), dtype=np.int64) for name in POSITION_NAMES)
        if problem := _impossible(split, first, last):
            found.append(finding("labels that mark the tokens of an answer", problem, subject=split.subject))
    if not known:
        msg = f"its rows have no columns {' and '.join(POSITION_NAMES)}"
        raise NotApplicable(msg)
    return found


def _impossible(split: Split, first: NDArray[np.int64], last: NDArray[np.int64]) -> str:
    """Describe what is wrong with the spans of a split, first and last tokens ``[N]``; empty if nothing is."""
    reversed_ = np.flatnonzero(last < first)
    if len(reversed_):
        row = int(reversed_[0])
        where = f"the first is row {row}: tokens {first[row]} to {last[row]}"
        return f"{share(len(reversed_), len(first))} spans end before they begin; {where}"
    if len(first) >= _FEWEST and not (np.ptp(first) or np.ptp(last)):
        cls = ", which is [CLS]: no window has an answer" if first[0] == 0 and last[0] == 0 else ""
        return f"all {len(first)} windows have the label {first[0]} to {last[0]}{cls}"
    chosen = split.few()
    if "attention_mask" not in split.rows.column_names:
        return ""
    padded = [
        row
        for row, mask in zip(chosen, split.values("attention_mask", chosen), strict=True)
        if any(place < len(mask) and not mask[place] for place in (first[row], last[row]))
    ]
    return f"{share(len(padded), len(chosen))} spans are on padding; the first is row {padded[0]}" if padded else ""
