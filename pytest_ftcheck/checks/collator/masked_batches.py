"""Batches as a collator masks them, beside the tokens that they were made of. Shapes: B rows, T columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, finding
from pytest_ftcheck.checks.collator.batches import plain_values
from pytest_ftcheck.checks.data.splits import filled
from pytest_ftcheck.heads.masking import AS_ANY, AS_MASK, MASK_RATE
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    Ids = NDArray[np.int64]

_ROWS, _TOGETHER = 512, 32
DECLARED = {"mlm_probability": MASK_RATE, "mask_replace_prob": AS_MASK, "random_replace_prob": AS_ANY}
"""Attributes of a collator by which it declares its shares, and what holds without them."""


@dataclass(frozen=True)
class MaskedRow:
    """One row of a batch; all arrays ``[T]``."""

    split: str
    subject: str
    given: NDArray[np.int64]
    """The row's tokens before they were masked, -1 where the batch has padding."""
    shown: NDArray[np.int64]
    labels: NDArray[np.int64]
    special: NDArray[np.bool_]
    """A special token, or padding that the row itself has."""

    @property
    def padding(self) -> NDArray[np.bool_]:
        """Where the batch has padding."""
        return self.given < 0

    @property
    def ordinary(self) -> NDArray[np.bool_]:
        """Where a token may be masked."""
        return ~self.padding & ~self.special

    def around(self, place: int) -> str:
        """Show the tokens around a place: before they were masked, as the model sees them, and the labels."""
        part = slice(max(place - 3, 0), place + 4)
        return (
            f"places {part.start} to {min(part.stop, len(self.given)) - 1}: tokens {self.given[part].tolist()}, "
            f"shown as {self.shown[part].tolist()}, labels {self.labels[part].tolist()}"
        )

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Where there is a label."""
        return np.asarray(self.labels != IGNORED)


def masked_rows(evidence: Evidence) -> list[MaskedRow]:
    """Return rows of both splits as training and evaluation get them, the same draws in each session.

    Raises:
        NotApplicable: the rows have no token ids, or their batches no labels of the shape of the tokens.

    """
    return evidence.once(_masked_rows)


def of_splits(evidence: Evidence) -> list[list[MaskedRow]]:
    """Return the rows of `masked_rows`, train and evaluation apart."""
    rows = masked_rows(evidence)
    return [[row for row in rows if row.split == name] for name in dict.fromkeys(row.split for row in rows)]


def declared(evidence: Evidence, name: str) -> float:
    """Return what the collator, or one inside of it, declares of `DECLARED`; else the usual share."""
    value = _attribute(evidence, name)
    return float(value) if isinstance(value, (int, float)) else DECLARED[name]


def declares(evidence: Evidence) -> bool:
    """Tell whether the collator says how many tokens are drawn, and how they are shown."""
    return all(isinstance(_attribute(evidence, name), (int, float)) for name in DECLARED)


def _attribute(evidence: Evidence, name: str) -> Any:
    """Return an attribute of the collator, or of one inside of it; None where none has it."""
    collator: Any = evidence.pipeline.data_collator
    while collator is not None:
        if hasattr(collator, name):
            return getattr(collator, name)
        collator = getattr(collator, "data_collator", None)
    return None


def shown_rows(rows: Sequence[MaskedRow], wrong: Callable[[MaskedRow], NDArray[np.bool_]]) -> tuple[int, int, int]:
    """Count the tokens where something is wrong, and all rows that have some; return also the first of these rows."""
    places = [int(wrong(row).sum()) for row in rows]
    hit = [index for index, count in enumerate(places) if count]
    return sum(places), len(hit), hit[0] if hit else -1


def findings_of(
    evidence: Evidence, wrong: Callable[[MaskedRow], NDArray[np.bool_]], expected: str, what: str
) -> list[Finding]:
    """Return a finding for each split in which some tokens are wrong.

    Args:
        evidence: the parts.
        wrong: which tokens of a row are, ``[T]``.
        expected: in words.
        what: they are, in words.

    """
    found = []
    for rows in of_splits(evidence):
        tokens, count, first = shown_rows(rows, wrong)
        if tokens:
            observed = f"{tokens} {what}, in {count} of {len(rows)} rows; the first in row {first}: "
            place = int(np.flatnonzero(wrong(rows[first]))[0])
            observed += f"token {rows[first].given[place]} at place {place} is shown as {rows[first].shown[place]}, "
            observed += f"with label {rows[first].labels[place]}"
            found.append(finding(expected, observed, subject=rows[0].subject, evidence=examples(rows, wrong)))
    return found


def examples(rows: Sequence[MaskedRow], wrong: Callable[[MaskedRow], NDArray[np.bool_]]) -> Iterator[str]:
    """Show rows in which some tokens are wrong, around the first of these tokens."""
    for index, row in enumerate(rows):
        places = np.flatnonzero(wrong(row))
        if len(places):
            yield f"row {index}, {row.around(int(places[0]))}"


def _masked_rows(evidence: Evidence) -> list[MaskedRow]:
    tokenizer, found = evidence.tokenizer, []
    special = np.array(sorted(set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}), dtype=np.int64)
    for split, collator in zip(
        filled(evidence), (evidence.pipeline.data_collator, evidence.evaluation_collator), strict=False
    ):
        chosen = split.few(_ROWS)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            for start in range(0, len(chosen), _TOGETHER):
                features = evidence.features(split.rows, chosen[start : start + _TOGETHER])
                given = [np.asarray(plain_values(row.get("input_ids", ())), dtype=np.int64) for row in features]
                stored = ["labels" in row for row in features]
                batch = collator(features)
                for labelled, (before, shown, labels) in zip(
                    stored, _rows(given, batch, tokenizer.padding_side), strict=True
                ):
                    tokens = _unmasked(before, shown, labels) if labelled else before
                    found.append(MaskedRow(split.name, split.subject, tokens, shown, labels, np.isin(tokens, special)))
    return found


def _unmasked(before: Ids, shown: Ids, labels: Ids) -> Ids:
    """Return the tokens of a row with labels of its own, ``[T]``: if the row itself is masked, its labels know them."""
    real = before >= 0
    if not np.array_equal(before[real], shown[real]):
        return before
    return np.where(real & (labels != IGNORED), labels, before)


def _rows(given: list[Ids], batch: Any, side: str) -> list[tuple[Ids, Ids, Ids]]:
    """Return the tokens before masking, those shown, and the labels of each row of a batch."""
    ids, labels = batch.get("input_ids"), batch.get("labels")
    if ids is None or labels is None or ids.shape != labels.shape or not all(map(len, given)):
        msg = "its batches have no labels of the shape of input_ids, or its rows no input_ids"
        raise NotApplicable(msg)
    rows, width = [], ids.shape[1]
    if len(ids) != len(given) or any(len(row) > width for row in given):
        msg = "its batches are not the rows that were collated"
        raise NotApplicable(msg)
    for row, tokens in enumerate(given):
        before = np.full(width, -1, dtype=np.int64)
        before[slice(width - len(tokens), width) if side == "left" else slice(len(tokens))] = tokens
        rows.append((before, ids[row].cpu().numpy(), labels[row].cpu().numpy()))
    return rows
