"""Checks of special tokens: each is where the tokenizer puts it, exactly once."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.encoded import tokens_of
from pytest_ftcheck.checks.data.splits import SAMPLE, exceeds, filled, share
from pytest_ftcheck.findings import EXAMPLES

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ENDS = 6
"""Tokens of each end of a long row that a finding shows."""
_ROWS = 4 * SAMPLE


@check(
    "data.special_tokens",
    cost="free",
    single_texts=True,
    thresholds={"rows": 0.02},
    false_alarms=2e-4,
    catches="[CLS] and [SEP] that are written into the text, and added by the tokenizer as well; tokens that are "
    "wrapped twice; rows that were tokenized without [CLS], for a model that reads it",
    hint="give the tokenizer only the texts: it adds the special tokens itself; if you add them, "
    "add_special_tokens=False.",
)
def special_tokens(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The special tokens around a row are there exactly once.

    Rows without any special token fail if the tokenizer begins a text with its ``cls_token``: the head reads this
    token, and the saved tokenizer will add it. If the tokenizer begins with another token, the check only warns.

    Assumes: the tokenizer adds special tokens by itself.

    Unusual but healthy: a tokenizer that adds none is skipped. A pair without a second text, which has two end tokens
    by design, passes. A head over the mean of all tokens, trained and served without special tokens, fails.

    False alarms: at most 2e-4 a session (exact binomial test), where no more rows than the limit are bad.
    """
    first, last = _around(evidence.tokenizer)
    if not first and not last:
        msg = "the tokenizer puts no special tokens around a text"
        raise NotApplicable(msg)
    names: Any = evidence.tokenizer.convert_ids_to_tokens
    # A pair without a second text has two end tokens by design; a row that is wrapped twice also has two first tokens.
    empty = _end_of_empty_pair(evidence.tokenizer) if first and len(evidence.pipeline.card.text_columns) != 1 else []
    found = []
    for split in filled(evidence):
        indices = split.few(_ROWS)
        rows = tokens_of(evidence, split, indices)
        found += _without(evidence.tokenizer, first, rows, subject=split.subject)
        for place, once, twice in (
            ("begin with", first, [_begins(row, first * 2) for row in rows]),
            (
                "end with",
                last,
                [_ends(row, last * 2) and (_begins(row, first * 2) or not _ends(row, empty)) for row in rows],
            ),
        ):
            bad = [index for index, is_twice in zip(indices, twice, strict=True) if once and is_twice]
            if exceeds(len(bad), len(indices), thresholds["rows"]):
                observed = f"{share(len(bad), len(indices))} sampled rows {place} {' '.join(names(once * 2))}, "
                observed += f"the first is row {bad[0]}"
                shown = [row for row, is_twice in zip(range(len(rows)), twice, strict=True) if is_twice][:EXAMPLES]
                found.append(
                    finding(
                        f"{' '.join(names(once))} once",
                        observed,
                        subject=split.subject,
                        evidence=(f"row {indices[row]}: {_shown(names(rows[row]))}" for row in shown),
                    )
                )
    return found


def _shown(tokens: list[str]) -> str:
    """Join the tokens of a row; of a long one, both ends."""
    if len(tokens) <= 2 * _ENDS:
        return " ".join(tokens)
    return " ".join([*tokens[:_ENDS], "…", *tokens[-_ENDS:]])


def _without(tokenizer: Any, first: list[int], rows: list[list[int]], subject: str) -> list[Finding]:
    """Judge rows without any special token, although the tokenizer begins every text with some."""
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id, tokenizer.mask_token_id}
    if not first or not any(rows) or any(special.intersection(row) for row in rows):
        return []
    expected = f"{' '.join(tokenizer.convert_ids_to_tokens(first))} first, as the tokenizer adds it"
    observed = f"none of {len(rows)} sampled rows holds a special token (add_special_tokens=False?)"
    if tokenizer.cls_token_id in first:
        return [finding(expected, observed, subject=subject)]
    return [warning(f"{expected} (a cls_token that is missing fails)", observed, subject=subject, share=1.0)]


def _begins(row: list[int], ids: list[int]) -> bool:
    return row[: len(ids)] == ids


def _ends(row: list[int], ids: list[int]) -> bool:
    return bool(ids) and row[-len(ids) :] == ids


def _end_of_empty_pair(tokenizer: Any) -> list[int]:
    """Return the special tokens after the first text of a pair whose second one is empty."""
    special = set(tokenizer.all_special_ids)
    ids = [int(token) for token in tokenizer("a", "", verbose=False)["input_ids"]]
    return list(takewhile(special.__contains__, reversed(ids)))[::-1]


def _around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens that a tokenizer puts before and after a text."""
    special = set(tokenizer.all_special_ids)
    ids = [int(token) for token in tokenizer("a", verbose=False)["input_ids"]]
    first = list(takewhile(special.__contains__, ids))
    if len(first) == len(ids):  # the text itself is an unknown token
        return [], []
    return first, list(takewhile(special.__contains__, reversed(ids)))[::-1]
