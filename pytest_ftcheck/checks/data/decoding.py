"""Checks whether decoding the token ids gives the original text."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.encoded import special_ids, tokens_of
from pytest_ftcheck.checks.data.splits import SAMPLE, Split, exceeds, filled, share, shorten
from pytest_ftcheck.findings import EXAMPLES
from pytest_ftcheck.pipeline.trainer_texts import language_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ALIKE = 0.5
_OTHERS = 3
"""Other rows that a row is compared with: its tokens must be more like its own text than like theirs."""
_LETTERS = 3
_CONTINUES = "##"
"""Prefix of a token that continues a word, in a WordPiece vocabulary."""
_MISPLACED = 0.02
_FEWEST = 5
_ENOUGH = 20
"""Smallest number of rows that allow a verdict on a tokenizer."""


@check(
    "data.decodes",
    cost="free",
    single_texts=True,
    thresholds={"rows": 0.05, "again": 0.5},
    false_alarms=2e-4,
    catches="tokens of another tokenizer, byte order or encoding errors, tokens of another column",
    hint="another tokenizer made these tokens, or they come from an old cache: tokenize again, and pass the same "
    "tokenizer as processing_class.",
)
def decodes(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Decoding the token ids gives the original text, except for case, accents, white space and truncation.

    If no raw text is known, decoded rows are tokenized again: at least a fraction ``again`` of them must give the same
    tokens. Rows of another tokenizer seldom do. They may, if all tokens are whole words; then tokens that continue a
    word (``##``) come after punctuation, where no tokenizer puts them.

    Assumes: the given tokenizer made the tokens, and the texts are the text columns.

    Unusual but healthy: with a template around the text, or a tokenizer that cannot decode some script, rows pass if
    half of the text is common. Tokens that are drawn at random (BPE dropout) fail if the texts are not known.

    False alarms: at most 2e-4 a session (exact binomial test), where no more rows than the limit are bad.
    """
    tokenizer, found = evidence.tokenizer, []
    for split in filled(evidence):
        columns = evidence.pipeline.card.text_columns or tuple(language_columns(split.raw))
        if not columns:
            found += _again(evidence, split, thresholds["again"])
            continue
        indices, most = split.few(SAMPLE), len(tokenizer)
        rows = [[token for token in row if 0 <= token < most] for row in tokens_of(evidence, split, indices)]
        decoded = tokenizer.batch_decode(rows, skip_special_tokens=True)
        texts = [" ".join(text) for text in split.texts(columns, indices)]
        bad = _unlike([_pieces(text) for text in decoded], [_pieces(text) for text in texts])
        if exceeds(len(bad), len(indices), thresholds["rows"]):
            observed = f"{share(len(bad), len(indices))} sampled rows decode to something else, the first is row "
            shown = [f"{indices[row]}: {shorten(decoded[row])} for {shorten(texts[row])}" for row in bad[:EXAMPLES]]
            observed += shown[0]
            expected = "tokens that decode to the text they were made of"
            rows_shown = [f"row {text}" for text in shown]
            found.append(finding(expected, observed, subject=split.subject, evidence=rows_shown))
    return found


def _again(evidence: Evidence, split: Split, least: float) -> list[Finding]:
    """Find rows that change when they are decoded and tokenized again."""
    tokenizer: Any = evidence.tokenizer
    special, most = special_ids(tokenizer), len(tokenizer)
    texts = [[token for token in row if token not in special] for row in tokens_of(evidence, split, split.few(SAMPLE))]
    # Decoding loses an unknown token with any tokenizer.
    rows = [row for row in texts if row and tokenizer.unk_token_id not in row and max(row) < most]
    if len(rows) < _ENOUGH:
        msg = "no raw text is known, and too few rows can be decoded and tokenized again"
        raise NotApplicable(msg)
    decoded = tokenizer.batch_decode(rows)
    again = tokenizer(decoded, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    if misplaced := _misplaced(tokenizer, rows):
        expected = "pieces of words that go on with a word"
        return [finding(expected, f"{misplaced}; such as {shorten(decoded[0])}", subject=split.subject)]
    same = [left == right for left, right in zip(rows, again, strict=True)]
    if sum(same) >= least * len(rows):
        return []
    first = same.index(False)
    observed = f"{share(sum(same), len(rows))} do; the first that does not reads {shorten(decoded[first])}"
    expected = f"at least {least:.0%} of the sampled rows to give the same tokens, decoded and tokenized again"
    return [finding(expected, observed, subject=split.subject)]


def _misplaced(tokenizer: Any, rows: Sequence[Sequence[int]]) -> str:
    """Count tokens that continue a word after punctuation; an empty text if there are hardly any."""
    written = [tokenizer.convert_ids_to_tokens(row) for row in rows]
    pairs = [(before, piece) for row in written for before, piece in pairwise(row) if piece.startswith(_CONTINUES)]
    wrong = sum(not before.removeprefix(_CONTINUES).isalnum() for before, _ in pairs)
    if wrong < _FEWEST or wrong < _MISPLACED * len(pairs):
        return ""
    return f"{share(wrong, len(pairs))} of those that begin with {_CONTINUES} stand behind punctuation"


def _unlike(decoded: Sequence[set[str]], texts: Sequence[set[str]]) -> list[int]:
    """Return the rows that have little in common with their own text, or more with other texts."""
    bad = []
    for row, pieces in enumerate(decoded):
        if not pieces:
            continue
        own = len(pieces & texts[row])
        others = [len(pieces & texts[(row + step) % len(texts)]) for step in range(1, min(_OTHERS + 1, len(texts)))]
        if own < _ALIKE * len(pieces) or own < max(others, default=0):
            bad.append(row)
    return bad


def _pieces(text: str) -> set[str]:
    """Return all runs of three letters or digits, without case, accents and other characters."""
    letters = "".join(char for char in unicodedata.normalize("NFKD", text).casefold() if char.isalnum())
    return {letters[start : start + _LETTERS] for start in range(len(letters) - _LETTERS + 1)}
