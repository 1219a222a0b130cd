"""Checks of relations between words and tokens: words are tokenized as words, and entities are not truncated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding
from pytest_ftcheck.checks.data.splits import ALL_ROWS, filled, graded, share
from pytest_ftcheck.checks.data.word_tags import (
    raw_names,
    require_entities,
    require_raw_tags,
    token_rows,
    word_rows,
    words_column,
)
from pytest_ftcheck.columns import taken
from pytest_ftcheck.heads.entities import entities_of
from pytest_ftcheck.heads.traits import LABEL_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_MOST_OF = 0.9
"""Fraction of the rows from which on one way of joining the words explains them."""


@check(
    "data.words_joined",
    cost="free",
    needs=(LABEL_PER_TOKEN,),
    catches="words that were joined into one text before they were tokenized: word_ids() counts other words then",
    hint="give the tokenizer the list of words: tokenizer(words, is_split_into_words=True); a byte-level tokenizer "
    "needs add_prefix_space=True.",
)
def words_joined(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Rows of words are tokenized as words, and not as one joined text.

    Assumes: each word of the raw rows has a tag.

    Unusual but healthy: rows pass if both ways give the same tokens, or if the tokens come from neither.

    False alarms: none by chance. Tokens are compared.
    """
    del thresholds
    tokenizer: Any = evidence.tokenizer
    found = []
    for split in filled(evidence):
        column = words_column(evidence, split)
        rows = token_rows(evidence, split)
        words = [list(map(str, row)) for row in taken(split.raw, column, [row.index for row in rows])]
        stored = [row.ids for row in rows]
        if not any(words) or _as_stored(tokenizer, words, stored, is_split_into_words=True) == len(rows):
            continue
        for between in (" ", ""):
            count = _as_stored(tokenizer, [between.join(row) for row in words], stored)
            if count > _MOST_OF * len(rows):
                observed = f"{share(count, len(rows))} sampled rows are the tokens of the words joined by {between!r}, "
                observed += f"such as row {rows[0].index}: {tokenizer.decode(stored[0])[:60]!r}"
                found.append(
                    finding(f"the tokens of the words in {column!r}, one by one", observed, subject=split.subject)
                )
                break
    return found


def _as_stored(tokenizer: Any, given: Sequence[Any], stored: Sequence[list[int]], **options: Any) -> int:
    """Count the rows that have these tokens, truncated to the same length."""
    rows = zip(given, stored, strict=True)
    return sum(
        list(tokenizer(text, truncation=True, max_length=max(len(ids), 1), verbose=False, **options)["input_ids"])
        == ids
        for text, ids in rows
        if text
    )


@check(
    "data.entities_truncated",
    cost="free",
    needs=(LABEL_PER_TOKEN,),
    # Fractions of the entities of a split.
    thresholds={"fail": 0.1, "warn": 0.005},
    catches="entities that truncation removes from the training and from the metric, so that no metric falls",
    hint="raise max_length, or cut long rows into windows (return_overflowing_tokens, stride) and tag each of them.",
)
def entities_truncated(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Hardly any entity is truncated at the end of its row.

    An entity is lost if one of its words has no token in the row. The metric counts only the remaining entities, so
    that a model of truncated rows looks as good as a model of whole rows.

    Assumes: the raw rows have a tag for each word.

    Unusual but healthy: a few long rows are truncated in most data: 0.5% warn, 10% fail. Rows that are windows of a
    longer text are skipped.

    False alarms: none by chance. Entities are counted.
    """
    names, found = require_entities(evidence), []
    for split in filled(evidence):
        rows = word_rows(evidence, split)
        require_raw_tags(rows, split)
        lost, total = 0, 0
        for row, tags in zip(rows, raw_names(rows, names), strict=True):
            kept = row.labels_by_word.keys()
            spelled = entities_of(tags)
            total += len(spelled)
            lost += sum(last not in kept or first not in kept for _, first, last in spelled)
        what = f"of the entities of {len(rows)} sampled rows cut off"
        where = "" if split is filled(evidence)[0] else "; the metric does not count them"
        budgets = (thresholds["fail"], thresholds["warn"])
        found += graded(
            lost, total, *budgets, what, f"{share(lost, total)}{where}", subject=split.subject, luck=ALL_ROWS
        )
    return found
