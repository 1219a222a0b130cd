"""Metrics of masked tokens: loss, perplexity and accuracy."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import MeanMetric, ratio
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.trivial import Trivial

    Floats = NDArray[np.float64]

PATH = "masked_tokens"
"""Name of the metric in a card."""
TOKEN_LOSS, PERPLEXITY, ACCURACY = "token_loss", "perplexity", "masked_accuracy"


def _loss(means: Floats) -> Floats:
    return ratio(means[..., 0], means[..., 2], undefined=np.nan)


def _perplexity(means: Floats) -> Floats:
    with np.errstate(over="ignore"):  # a perplexity that is too large becomes infinite
        return np.exp(_loss(means))


def _accuracy(means: Floats) -> Floats:
    return ratio(means[..., 1], means[..., 2], undefined=np.nan)


# Name in run_mlm.py of transformers.
_VALUES = {"accuracy": _accuracy, TOKEN_LOSS: _loss, PERPLEXITY: _perplexity, ACCURACY: _accuracy}


class ScoringOfMaskedTokens:
    """See `Scoring`: means over all masked tokens of all rows."""

    default_metric = PATH
    of_logits: tuple[str, ...] = ()
    own_metrics: Mapping[str, Mapping[str, bool]] = MappingProxyType(
        {PATH: MappingProxyType({TOKEN_LOSS: False, PERPLEXITY: False, ACCURACY: True})}
    )
    averages: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return a metric from sums over the masked tokens of each row: losses, right predictions, tokens."""
        if name not in _VALUES or (_VALUES[name] is not _accuracy and rows.logits is None):
            return None
        masked = rows.label_ids != IGNORED
        losses = np.zeros(masked.shape) if rows.logits is None else rows.logits[..., 0].astype(np.float64)
        right = rows.predictions == rows.label_ids
        sums = [np.where(masked, values, 0.0).sum(axis=1) for values in (losses, right, masked)]
        return MeanMetric(np.stack(sums, axis=1), _VALUES[name])

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return the most frequent token of training for every mask; for a loss, each token's frequency in training."""
        del label_names
        labels = train_label_ids[train_label_ids != IGNORED]
        if not len(labels):
            return []
        losses, most = unigram(labels, label_ids)
        kept = np.stack([losses, np.full(label_ids.shape, most)], axis=-1)
        name = (
            "always the most frequent token"
            if _VALUES[metric] is _accuracy
            else "the fraction of each token as its probability"
        )
        rows = EvaluatedRows(label_ids, np.full(label_ids.shape, most), kept, head_named("masked-language-modelling"))
        return [(name, rows)]

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Return no model: guessing by the frequency of each token is worse than the most frequent token."""
        del metric, label_ids, train_label_ids, label_names
        return []


def unigram(seen: NDArray[Any], label_ids: NDArray[Any]) -> tuple[Floats, int]:
    """Return the losses of labels if each token's probability is its frequency in a text, and the likeliest token.

    A token that is not in the text counts as if it occurred once.

    Args:
        seen: token ids of the text, ``[M]``.
        label_ids: ``[N, T]``.

    Returns:
        Losses in nats ``[N, T]``, 0 for `IGNORED`; and the id of a token.

    """
    width = int(max(seen.max(), label_ids.max(initial=0))) + 1
    counts = np.bincount(seen.astype(np.int64), minlength=width)
    odds = np.log(np.maximum(counts, 1) / (len(seen) + int((counts == 0).any())))
    masked = label_ids != IGNORED
    return np.where(masked, -odds[np.where(masked, label_ids, 0)], 0.0), int(counts.argmax())
