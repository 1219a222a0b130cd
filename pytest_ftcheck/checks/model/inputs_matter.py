"""Checks that the logits of a trained model depend on the row and on the order of its tokens."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, Thresholds, check, finding
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.checks.model.logits import MATRIX, affordable, logits_of_rows, trained_model
from pytest_ftcheck.checks.model.token_rows import rows_of_texts, shuffled, special_tokens, texts_together
from pytest_ftcheck.checks.model.weights import parts_of
from pytest_ftcheck.columns import joined_ids, walk

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROUNDING = 1e-5
"""Smallest difference relative to the largest logit: equal rows in other batches differ by less."""
_DIGITS = 6
_FEWEST = 20
"""Number of different rows below which a fraction of them is not judged."""


@check(
    "model.input_matters",
    cost="run",
    # Number of different logits as a fraction of the number of different rows.
    thresholds={"different": 0.25},
    catches="token ids that are all [UNK], inputs that do not reach the model, a mask of zeros, a collapsed model",
    hint="decode a few rows as the model gets them; look at the tokenizer's vocabulary, at the columns that reach the "
    "model, at the attention mask, and at a learning rate that is too high.",
)
def input_matters(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Different rows have different logits.

    Assumes: different texts have different logits.

    Unusual but healthy: fewer than 20 different rows are skipped; in half precision, any spread of the logits passes.

    False alarms: none by chance.
    """
    logits = evidence.run.logits.astype(np.float64).reshape(len(evidence.run.logits), -1)
    rows = _contents(evidence)
    different = len(set(rows))
    if not np.isfinite(logits).all() or len(rows) != len(logits):
        msg = "the logits are not one finite row for each row of data: other checks report it"
        raise NotApplicable(msg)
    if different < _FEWEST:
        msg = f"only {different} of the evaluated rows are different"
        raise NotApplicable(msg)
    scale = float(np.abs(logits).max())
    spread = float(logits.std(axis=0).max())
    # Written so that a spread of 0 among logits of 0 is a finding, too.
    if not spread > _ROUNDING * scale:
        observed = f"a standard deviation of {spread:.3g} at most, of logits up to {scale:.3g}"
        return [finding(f"logits that differ between {different} different rows", observed)]
    if evidence.precision != "float32":
        return []  # too few digits to distinguish rows
    seen = len({tuple(row) for row in np.round(logits / spread, _DIGITS - 1)})
    if seen >= thresholds["different"] * different:
        return []
    return [finding(f"other logits for most of {different} different rows", f"{seen} different rows of logits")]


def _contents(evidence: Evidence) -> list[int]:
    """Return a digest of each evaluated row: of its texts, case and white space folded, else of its tokens."""
    split, columns = splits(evidence)[1], evidence.pipeline.card.text_columns
    if columns and len(split.raw) == len(split.rows) and set(columns) <= set(split.raw.column_names):
        return [hash(tuple(" ".join(text.casefold().split()) for text in row)) for row in split.walk_texts(columns)]
    if "input_ids" not in split.rows.column_names:
        msg = "neither texts nor token ids of the evaluated rows are known"
        raise NotApplicable(msg)
    return [hash(tuple(joined_ids(ids))) for (ids,) in walk(split.rows, ["input_ids"])]


def spread_of(logits: Tensor) -> float:
    """Return by how much logits differ between rows.

    Raises:
        ReportedBy: the logits do not differ and cannot be used as a scale.

    """
    spread = float(logits.std(dim=0).max())
    if not spread > _ROUNDING * float(logits.abs().max()):
        raise ReportedBy(check="model.input_matters", reason="all rows have the same logits")
    return spread


@check(
    "model.token_order",
    cost="run",
    # Change of a logit as a fraction of the difference of logits between rows. Only a little above rounding: on an easy
    # task, a healthy model learns a bag of words.
    thresholds={"change": 2e-5},
    catches="position ids that are all equal, position embeddings that are lost, a bag of words",
    hint="look for position_ids that are all 0, for position embeddings that were not loaded, and for a collator that "
    "makes positions.",
)
def token_order(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """If the tokens of a text are reordered, the logits change.

    Assumes: a pretrained model uses positions.

    Unusual but healthy: a bag-of-words model of the user's own is skipped; on a task that needs no order, the logits
    still change by more than rounding.

    False alarms: none by chance. All rows would have to be shuffled to nearly themselves.
    """
    parts_of(evidence.fresh_model)  # skips a user's own bag-of-words model, which ignores the order on purpose
    split = splits(evidence)[1]
    features = evidence.features(split.rows, split.few(affordable(evidence, 48, 12)))
    before, after = _both_orders(evidence, features)
    if not before:
        msg = "no row has two different tokens in one text"
        raise NotApplicable(msg)
    model = trained_model(evidence)
    first, second = (logits_of_rows(evidence, model, rows) for rows in (before, after))
    if first.dim() > MATRIX:  # tokens that moved take their logits along, and in a bag of words those are the same
        first, second = first.sum(dim=1), second.sum(dim=1)
    largest = float((first - second).abs().max()) / spread_of(first)
    # Written so that NaN is no finding here: model.finite reports it.
    if not largest <= thresholds["change"]:
        return []
    observed = (
        f"a change of {largest:.2g} of that at most, over {len(before)} rows with the tokens of each text shuffled"
    )
    return [finding(f"a change of more than {thresholds['change']:g} of what logits differ by between rows", observed)]


def _both_orders(evidence: Evidence, features: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """Return the rows with at least two different tokens, and the same rows with shuffled tokens."""
    generator = Random(evidence.seed)  # noqa: S311 - no secret

    def order(count: int) -> list[int]:
        return generator.sample(range(count), count)

    if features and "input_ids" in features[0]:
        pairs = _tokens_shuffled(evidence, features, order)
    else:
        words = [{name: _words_shuffled(value, order) for name, value in feature.items()} for feature in features]
        pairs = [pair for pair in zip(features, words, strict=True) if pair[0] != pair[1]]
    return [before for before, _ in pairs], [after for _, after in pairs]


def _tokens_shuffled(evidence: Evidence, features: list[dict[str, Any]], order: Any) -> list[tuple[Any, Any]]:
    pad_id, special, pairs = evidence.pipeline.pad_id or 0, special_tokens(evidence), []
    for feature, rows in zip(features, rows_of_texts(evidence, features), strict=True):
        others = [shuffled(row, special, order) for row in rows]
        if any(row.ids != other.ids for row, other in zip(rows, others, strict=True)):
            before, after = (
                texts_together([row.feature() for row in texts], feature, pad_id) for texts in (rows, others)
            )
            pairs.append((before, after))
    return pairs


def _words_shuffled(value: Any, order: Any) -> Any:
    if not isinstance(value, str):
        return value
    words = value.split()
    return " ".join(words[index] for index in order(len(words)))
