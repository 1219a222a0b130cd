"""Checks of a model that chooses among texts: it scores each choice by its own tokens, and uses the context.

Shapes: B rows, C choices, T columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.checks.model.logits import (
    affordable,
    allowed,
    evaluated_features,
    logits_of,
    logits_of_rows,
    show,
    token_batch,
    tolerance_of,
    trained_model,
)
from pytest_ftcheck.checks.model.token_rows import rows_of_texts, special_tokens, text_spans, texts_together
from pytest_ftcheck.heads.traits import CHOICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.collator.batches import Features
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.checks.model.token_rows import Span, TokenRow
    from pytest_ftcheck.findings import Finding

_BETTER = 0.1
"""Smallest distance of the accuracy from chance at which a drop can be measured."""
_FEWEST = 20
"""Smallest number of rows for which the accuracy is judged."""


@check(
    "model.choice_permutation",
    cost="forward",
    needs=(CHOICES,),
    tolerance={"float32": 1e-4, "bfloat16": 5e-2, "float16": 5e-2},
    catches="logits that are reshaped into rows in a wrong order, view(C, B) instead of view(B, C); a head that "
    "depends on the place of a choice",
    hint="reshape the scores of all choices with view(-1, C), as the batch was flattened; score each choice by its own "
    "tokens alone.",
)
def choice_permutation(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """If the choices of each row are reordered, the logits are the same in the new order.

    Assumes: the place of a choice has no meaning.

    Unusual but healthy: a model that compares the choices of a row passes; one that depends on their places fails.

    False alarms: none by chance.
    """
    model = evidence.fresh_model
    batch = token_batch(evidence, evaluated_features(evidence, 3))
    rows, choices = batch["input_ids"].shape[:2]
    logits = logits_of(model, batch)
    if logits.shape != (rows, choices):
        return [finding(f"logits [B, C] of {rows} rows with {choices} choices", f"shape {tuple(logits.shape)}")]
    order = [*range(1, choices), 0]
    moved = {
        name: value[:, order] if isinstance(value, torch.Tensor) and value.shape[:2] == (rows, choices) else value
        for name, value in batch.items()
    }
    expected, seen = logits[:, order], logits_of(model, moved)
    off = (expected - seen).abs().amax(dim=1)
    # Written so that NaN counts as different.
    if float(off.max()) <= allowed(tolerance_of(model, thresholds), logits):
        return []
    row = int(off.argmax())
    subject = f"row {row} of a batch of {rows}, its choices moved by one place"
    return [finding(f"logits {show(expected[row])}, moved by one place too", show(seen[row]), subject=subject)]


@check(
    "model.context_matters",
    cost="run",
    needs=(CHOICES,),
    # Fraction of the accuracy above chance that remains with the contexts of other rows.
    thresholds={"fail": 0.95, "warn": 0.75},
    catches="a model that answers by the endings alone: a context that does not reach it, endings that give the answer "
    "away",
    hint="check whether the context is tokenized, masked or truncated, and how the wrong endings were made: generated "
    "endings differ from human ones.",
)
def context_matters(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The accuracy falls if each row gets the context of another row.

    Assumes: the context determines which choice is right.

    Unusual but healthy: data whose endings alone give many answers, such as SWAG, warns from ``warn`` on.

    False alarms: none by chance. Which contexts are exchanged is fixed.
    """
    split = splits(evidence)[1]
    indices = split.few(affordable(evidence, 128, 48))
    labels = np.asarray(evidence.labels(evidence.pipeline.eval_dataset))[indices]
    plain, exchanged = _exchanged(evidence, evidence.features(split.rows, indices))
    model = trained_model(evidence)
    answers = [logits_of_rows(evidence, model, rows).argmax(dim=1).numpy() for rows in (plain, exchanged)]
    chance = 1 / evidence.pipeline.card.num_labels
    before, after = (float((answer == labels).mean()) for answer in answers)
    if before - chance < _BETTER:
        msg = f"an accuracy of {before:.2f} is so near to chance ({chance:.2f}) that it can hardly fall"
        raise NotApplicable(msg)
    kept = (after - chance) / (before - chance)
    observed = (
        f"an accuracy of {before:.4f} over {len(labels)} rows as they are, and of {after:.4f} with the contexts of "
    )
    observed += f"other rows; chance is {chance:.4f}"
    if kept >= thresholds["fail"]:
        return [finding("an accuracy that falls with the contexts of other rows", observed)]
    if kept >= thresholds["warn"]:
        expected = f"less than {thresholds['warn']:.0%} of the accuracy above chance without the right context (fails "
        return [warning(f"{expected}from {thresholds['fail']:.0%} on)", observed, share=min(kept, 1.0))]
    return []


def _exchanged(evidence: Evidence, features: Features) -> tuple[Features, Features]:
    """Return unchanged rows, and the same rows with the context of a row half the data away.

    Raises:
        NotApplicable: the contexts cannot be found.

    """
    special, pad_id = special_tokens(evidence), evidence.pipeline.pad_id or 0
    if not features or "input_ids" not in features[0] or len(features) < _FEWEST:
        msg = f"there are fewer than {_FEWEST} rows, or they have no token ids"
        raise NotApplicable(msg)
    rows = rows_of_texts(evidence, features)
    spans = [_context(row, special) for row in rows]
    found = [span for span in spans if span is not None]
    if len(found) < len(rows):
        msg = f"the choices of a row have no common context in {spans.count(None)} of {len(rows)} rows"
        raise NotApplicable(msg)
    longest = max(len(choice.ids) for row in rows for choice in row)
    plain, exchanged = [], []
    for at, (row, span, feature) in enumerate(zip(rows, found, features, strict=True)):
        there = (at + len(rows) // 2) % len(rows)
        other = _ids(rows[there][0], found[there])
        plain.append(texts_together([choice.feature() for choice in row], feature, pad_id))
        exchanged.append(texts_together([_with(choice, span, other, longest) for choice in row], feature, pad_id))
    return plain, exchanged


def _with(choice: TokenRow, span: Span, ids: list[int], longest: int) -> dict[str, Any]:
    room = longest - len(choice.ids) + span[1] - span[0]
    return choice.replaced(span, ids[:room]).feature()


def _ids(row: TokenRow, span: Span) -> list[int]:
    return row.ids[span[0] : span[1]]


def _context(choices: Sequence[TokenRow], special: frozenset[int]) -> Span | None:
    """Return the place of the context in all choices of a row: their first segment, else their common beginning."""
    spans = [text_spans(choice, special) for choice in choices]
    if not all(spans):
        return None
    start, stop = spans[0][0]
    alike = [choice.ids[start:stop] == choices[0].ids[start:stop] for choice in choices]
    if all(alike) and all(len(span) > 1 for span in spans):
        return start, stop
    end = start
    while all(end < len(choice.ids) and choice.ids[end] == choices[0].ids[end] for choice in choices):
        end += 1
    return (start, end) if end > start else None
