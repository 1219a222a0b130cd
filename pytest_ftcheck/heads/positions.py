"""The head of a user's Trainer that finds spans: first and last token of a window whose raw question is unknown.

Windows are judged here; with `pytest_ftcheck.heads.spans`, the answers of questions are judged.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.head import Head, Serving
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import FROM_0_TO_1, MeanMetric
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.spans import ENDS, MODEL, CardOfSpans, LabelsOfSpans, OutputsOfSpans, SpanCrossEntropy
from pytest_ftcheck.heads.traits import POSITIONS
from pytest_ftcheck.heads.windows import WindowInputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.trivial import Trivial

    Floats = NDArray[np.float64]

PATH, EXACT, F1 = "positions", "exact_positions", "f1_positions"
"""The metric and its keys, which differ from those of answers: a user's ``compute_metrics`` may return these, too."""
_PERCENT = 100.0


class OutputsOfPositions(OutputsOfSpans):
    """See `Outputs`: as for questions, but recognised by a batch."""

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Accept two tensors of logits ``[B, T]`` and two of positions ``[B]``."""
        del num_labels
        if not all(isinstance(part, (tuple, list)) and len(part) >= ENDS for part in (logits, labels)):
            return False
        start, end, *_ = logits
        whole = len(labels) == ENDS and all(part.dim() == 1 and not part.is_floating_point() for part in labels)
        return bool(whole and start.dim() == ENDS and start.shape == end.shape)


def shared_tokens(predictions: NDArray[Any], label_ids: NDArray[Any]) -> Floats:
    """Return F1 of the common tokens of both spans, ``[N]``, from 0 to 1; 0 for spans that end before they begin.

    Args:
        predictions: first and last tokens, ``[N, 2]``.
        label_ids: first and last tokens, ``[N, 2]``.

    """
    first, last = np.maximum(predictions[:, 0], label_ids[:, 0]), np.minimum(predictions[:, 1], label_ids[:, 1])
    shared = np.maximum(last - first + 1, 0)
    lengths = [np.maximum(spans[:, 1] - spans[:, 0] + 1, 0) for spans in (predictions, label_ids)]
    return np.asarray(2 * shared / np.maximum(lengths[0] + lengths[1], 1), dtype=np.float64)


class ScoringOfPositions:
    """See `Scoring`: the percentage of windows with both tokens right, and F1 of the spans' tokens, from 0 to 100."""

    default_metric = PATH
    of_logits: tuple[str, ...] = ()
    own_metrics: Mapping[str, Mapping[str, bool]] = MappingProxyType({PATH: MappingProxyType({EXACT: True, F1: True})})
    averages: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return one of the two metrics."""
        if name not in (EXACT, F1):
            return None
        right = (rows.predictions == rows.label_ids).all(axis=1).astype(np.float64)
        numbers = right if name == EXACT else shared_tokens(rows.predictions, rows.label_ids)
        return MeanMetric(numbers[:, None], lambda means: _PERCENT * means[..., 0], FROM_0_TO_1)

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return the most frequent span of training, for every window."""
        del metric, label_names
        (first, last), _ = Counter(map(tuple, train_label_ids.tolist())).most_common(1)[0]
        given = np.tile(np.array([first, last], dtype=np.int64), (len(label_ids), 1))
        return [(f"always tokens {first} to {last}", EvaluatedRows(label_ids, given, None, head_named(HEAD.name)))]

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Return no model: a random token is almost never right."""
        del metric, label_ids, train_label_ids, label_names
        return []


HEAD = Head(
    name="answer-positions",
    traits=frozenset({POSITIONS}),
    card=CardOfSpans(),
    labels=LabelsOfSpans(),
    model=MODEL,
    loss=SpanCrossEntropy(),
    outputs=OutputsOfPositions(),
    scoring=ScoringOfPositions(),
    inputs=WindowInputs(),
    serving=Serving(task=""),
)
