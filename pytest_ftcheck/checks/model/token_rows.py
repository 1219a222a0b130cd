"""Splits tokenized rows into their texts, and makes rows from parts of others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.collator.batches import contained, plain_values
from pytest_ftcheck.checks.data.encoded import special_ids
from pytest_ftcheck.columns import holds_lists
from pytest_ftcheck.heads.token_columns import columns_per_token

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pytest_ftcheck.checks.evidence import Evidence

Span = tuple[int, int]
"""Columns [start, stop)."""


@dataclass(frozen=True)
class TokenRow:
    """One tokenized row without its padding."""

    tokens: Mapping[str, list[Any]]
    """Columns with a value for each token: ``input_ids`` and others."""
    others: Mapping[str, Any]
    """Label and other columns."""
    example: Mapping[str, Any]
    """The original feature, whose values are lists, arrays or tensors."""

    @classmethod
    def of(cls, feature: Mapping[str, Any], each: Collection[str]) -> TokenRow:
        """Split a feature into columns, of which `each` have a value for each token; a mask of 0 means padding."""
        plain = {name: plain_values(value) for name, value in feature.items()}
        mask = plain.get("attention_mask", [1] * len(plain["input_ids"]))
        return cls(
            tokens={
                name: [v for v, real in zip(plain[name], mask, strict=True) if real] for name in plain if name in each
            },
            others={name: value for name, value in plain.items() if name not in each},
            example=feature,
        )

    @classmethod
    def of_all(cls, evidence: Evidence, features: Sequence[Mapping[str, Any]]) -> list[TokenRow]:
        """Split features of one data set, each of one text."""
        each = columns_per_token(features, evidence.pipeline.card.head_rules.traits)
        return [cls.of(feature, each) for feature in features]

    @property
    def ids(self) -> list[int]:
        """Token ids."""
        return self.tokens["input_ids"]

    def feature(self) -> dict[str, Any]:
        """Return the row as a feature, without padding, in the original containers."""
        plain = {**self.tokens, **self.others}
        return {name: contained(self.example[name], value) for name, value in plain.items()}

    def with_ids(self, ids: list[int]) -> TokenRow:
        """Return the row with other token ids, of the same number."""
        return replace(self, tokens={**self.tokens, "input_ids": ids})

    def replaced(self, span: Span, ids: list[int]) -> TokenRow:
        """Return the row with other tokens in a span; other columns repeat the first value of the span."""
        start, stop = span
        tokens = {name: [*v[:start], *([v[start]] * len(ids)), *v[stop:]] for name, v in self.tokens.items()}
        tokens["input_ids"] = [*self.ids[:start], *ids, *self.ids[stop:]]
        return replace(self, tokens=tokens)


def texts_apart(feature: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Split a row of several texts into rows of one text each with the same label; any other row is returned alone."""
    ids = feature["input_ids"]
    if not holds_lists(ids):
        return [dict(feature)]
    each = _of_each_text(feature)
    return [{**feature, **{name: feature[name][text] for name in each}} for text in range(len(ids))]


def rows_of_texts(evidence: Evidence, features: Sequence[Mapping[str, Any]]) -> list[list[TokenRow]]:
    """Return the texts of each feature, one or several."""
    texts = [texts_apart(feature) for feature in features]
    rows = iter(TokenRow.of_all(evidence, [text for apart in texts for text in apart]))
    return [[next(rows) for _ in apart] for apart in texts]


def texts_together(texts: Sequence[Mapping[str, Any]], feature: Mapping[str, Any], pad_id: int) -> dict[str, Any]:
    """Join the texts of a row, the inverse of `texts_apart`.

    Args:
        texts: rows of one text each, without padding.
        feature: the original row; if all of its texts had one length, the joined texts are padded to one length.
        pad_id: pad id of input_ids.

    """
    if not holds_lists(feature["input_ids"]):
        return dict(texts[0])
    together = {name: [plain_values(text[name]) for text in texts] for name in _of_each_text(feature)}
    if len({len(ids) for ids in feature["input_ids"]}) == 1:
        longest = max(map(len, together["input_ids"]))
        for name, values in together.items():
            fill = pad_id if name == "input_ids" else 0
            together[name] = [[*value, *[fill] * (longest - len(value))] for value in values]
    made = {name: contained(feature[name], values) for name, values in together.items()}
    return {**texts[0], **made}


def _of_each_text(feature: Mapping[str, Any]) -> list[str]:
    """Name the columns that have a list for each text."""
    count = len(feature["input_ids"])
    sized = [name for name, value in feature.items() if isinstance(value, list) or getattr(value, "ndim", 0) > 0]
    return [name for name in sized if len(feature[name]) == count and holds_lists(feature[name])]


def special_tokens(evidence: Evidence) -> frozenset[int]:
    """Ids of special tokens; an empty set if the tokenizer is not known."""
    tokenizer = evidence.pipeline.processing_class
    return frozenset() if tokenizer is None else special_ids(tokenizer)


def text_spans(row: TokenRow, special: frozenset[int]) -> list[Span]:
    """Return the spans of a row's texts between its special tokens; without those, all but the first and last token."""
    if not special:
        return [(1, len(row.ids) - 1)] if len(row.ids) > 2 else []  # the two ends
    spans, start = [], 0
    for is_special, run in groupby(row.ids, special.__contains__):
        stop = start + len(list(run))
        if not is_special:
            spans.append((start, stop))
        start = stop
    return spans


def second_span(
    row: TokenRow, special: frozenset[int], first: Sequence[int] = (), second: Sequence[int] = ()
) -> Span | None:
    """Return the span of the second text of a pair: by token types, by separators, or by its tokens if known.

    Args:
        row: the row.
        special: ids of special tokens.
        first: token ids of the first text alone.
        second: token ids of the second text alone; half of them, from the first on, must be in the row.

    """
    spans, types = text_spans(row, special), row.tokens.get("token_type_ids", [])
    if any(types):
        marked = [index for index, kind in enumerate(types) if kind and row.ids[index] not in special]
        return (marked[0], marked[-1] + 1) if marked else None
    if special and len(spans) == 2:  # a pair
        return spans[1]
    for length in range(len(second), len(second) // 2, -1):
        # The texts may have the same beginning: exclude the place of the first one.
        for start in range(1 + len(first) // 2, len(row.ids) - length + 1):
            if row.ids[start : start + length] == list(second[:length]):
                return start, start + length
    return None


def shuffled(row: TokenRow, special: frozenset[int], order: Callable[[int], Sequence[int]]) -> TokenRow:
    """Return a row with the tokens within each of its texts in another order.

    Args:
        row: the row.
        special: ids that keep their places.
        order: returns a permutation of the given number of indices.

    """
    ids = list(row.ids)
    for start, stop in text_spans(row, special):
        text = ids[start:stop]
        ids[start:stop] = [text[index] for index in order(len(text))]
    return row.with_ids(ids)
