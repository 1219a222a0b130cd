"""Checks whether each row's tokens and label belong to its own text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scipy import stats

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding
from pytest_ftcheck.checks.data.encoded import Encoded, encode_again, is_subsequence
from pytest_ftcheck.checks.data.examples import decoded
from pytest_ftcheck.checks.data.splits import (
    ALL_ROWS,
    Split,
    exceeds,
    filled,
    label_values,
    mapping,
    require_whole_rows,
    share,
    shorten,
)
from pytest_ftcheck.columns import scalars
from pytest_ftcheck.findings import EXAMPLES
from pytest_ftcheck.heads.traits import LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_OTHERS = 3
"""Other rows that a row is compared with: its tokens must be more like its own text than like theirs."""
_ALIKE = 0.5


@check(
    "data.stale_tokens",
    cost="free",
    single_texts=True,
    thresholds={"rows": 0.02},
    false_alarms=2e-4,
    catches="cached tokens of other texts or of another tokenizer; rows or labels that were reordered separately",
    hint="tokenize again (load_from_cache_file=False), with the same tokenizer that the Trainer has; shuffle, sort and "
    "filter texts, tokens and labels together or not at all.",
)
def stale_tokens(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Each row's tokens and label belong to its own text.

    Assumes: the text columns are the texts that were tokenized.

    Unusual but healthy: a prefix, a template or light cleaning passes, if half of the tokens are common, and more than
    with other rows.

    False alarms: at most 2e-4 a session (exact binomial test), where no more rows than the limit are bad.
    """
    require_whole_rows(evidence)
    found = []
    columns = evidence.text_columns
    for split in filled(evidence):
        encoded = encode_again(evidence, split, columns)
        bad = [place for place in range(len(encoded.rows)) if _is_stale(encoded, place)]
        if exceeds(len(bad), len(encoded.rows), thresholds["rows"]):
            observed = f"{share(len(bad), len(encoded.rows))} sampled rows hold other tokens, the first is row "
            shown = [_both(evidence, encoded, place) for place in bad[:EXAMPLES]]
            observed += shown[0]
            expected = "tokens that tokenizing the texts again gives"
            rows = [f"row {text}" for text in shown]
            found.append(finding(expected, observed, subject=split.subject, evidence=rows))
        if LABEL_PER_ROW in evidence.pipeline.card.head_rules.traits:
            found += _other_labels(evidence, split, thresholds)
    return found


def _both(evidence: Evidence, encoded: Encoded, place: int) -> str:
    """Show the number of a row, what its tokens decode to, and its own text."""
    text = shorten(" | ".join(encoded.texts[place]))
    return f"{encoded.indices[place]}: {decoded(evidence.tokenizer, encoded.rows[place])} for {text}"


def _is_stale(encoded: Encoded, place: int) -> bool:
    """Return whether a row's tokens do not come from its text, even with a few tokens removed, added or changed."""
    row, whole = encoded.content(encoded.rows[place]), encoded.content(encoded.whole[place])
    if is_subsequence(row, whole) or is_subsequence(whole, row):
        return False
    own = _similarity(row, whole)
    count = len(encoded.rows)
    others = (encoded.content(encoded.whole[(place + step) % count]) for step in range(1, min(_OTHERS + 1, count)))
    return own < _ALIKE or own < max((_similarity(row, other) for other in others), default=0)


def _similarity(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the number of common tokens as a fraction of the shorter list."""
    return sum((Counter(first) & Counter(second)).values()) / max(min(len(first), len(second)), 1)


def _other_labels(evidence: Evidence, split: Split, thresholds: Thresholds) -> list[Finding]:
    """Compare each row's label with the raw one: rows with equal raw labels must have equal labels."""
    column = evidence.pipeline.card.label_column
    if split.raw is split.rows or column not in split.raw.column_names:
        return []
    raw, labels = scalars(split.raw, column), label_values(evidence, split)
    if evidence.pipeline.card.head_rules.values:
        order = stats.spearmanr(raw, labels).statistic if len(set(raw)) > 1 and len(set(labels)) > 1 else 1.0
        same = abs(order) > 1 - thresholds["rows"]
        observed = f"a rank correlation of {order:.3f}"
    else:
        others = len(labels) - mapping(raw, labels)[1]
        same = not exceeds(others, len(labels), thresholds["rows"], ALL_ROWS)
        observed = f"{share(others, len(labels))} rows have another label than most rows of their raw label {column!r}"
    return [] if same else [finding("the label of each row's own raw label", observed, subject=split.subject)]
