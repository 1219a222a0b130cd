"""Metrics of tags: they compare the entities that the tags form, as seqeval does."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import MeanMetric, ratio, wrong_and_right
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.tag_schemes import OUTSIDE
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.trivial import Trivial

    Floats = NDArray[np.float64]
    Entities = set[tuple[str, int, int]]

PATH = "seqeval"
"""Name of the metric, as ``evaluate.load`` takes it."""


def entities_of(tags: Sequence[str]) -> Entities:
    """Return the entities of a row's tags: type, first word, last word (like seqeval in its default mode).

    Args:
        tags: tags of the words, in any scheme with the prefixes B, I, E and S.

    """
    from seqeval.metrics.sequence_labeling import get_entities  # noqa: PLC0415 - imports scikit-learn

    return set(get_entities(list(tags)))


def rows_of_tags(rows: EvaluatedRows) -> list[tuple[list[str], list[str]]]:
    """Return the labelled and the predicted tags of the words of each row, by name; ignored tokens are left out."""
    names = [*(rows.label_names or [f"LABEL_{tag}" for tag in range(rows.num_labels)]), OUTSIDE]
    found = []
    for labels, predictions in zip(rows.label_ids, rows.predictions, strict=True):
        words = labels != IGNORED
        # The prediction of no class has the last name.
        found.append(([names[tag] for tag in labels[words]], [names[tag] for tag in predictions[words]]))
    return found


class ScoringOfEntities:
    """See `Scoring`: precision, recall and F1 of all entities, accuracy of the words, and F1 of each type."""

    default_metric = PATH
    of_logits: tuple[str, ...] = ()
    own_metrics: Mapping[str, Mapping[str, bool]] = MappingProxyType(
        {
            PATH: MappingProxyType(
                {"overall_f1": True, "overall_precision": True, "overall_recall": True, "overall_accuracy": True}
            )
        }
    )
    averages: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return a metric of entities: ``overall_f1`` or ``f1`` of all entities, ``TYPE_f1`` of one type."""
        kind, _, measure = name.rpartition("_")
        kind = "" if kind == "overall" else kind
        if measure == "accuracy" and not kind:
            return _accuracy(rows)
        if measure not in {"f1", "precision", "recall"}:
            return None
        counts = np.array([_counts(*tags, kind) for tags in rows_of_tags(rows)], dtype=np.float64).reshape(-1, 3)
        if kind and not counts.any():
            return None

        def value(means: Floats) -> Floats:
            both, predicted, labelled = np.moveaxis(means, -1, 0)
            below = {"f1": (predicted + labelled) / 2, "precision": predicted, "recall": labelled}[measure]
            return ratio(both, below, undefined=0.0)

        return MeanMetric(counts, value, wrong_and_right(counts[:, 1:2], counts[:, 2:]))

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return each tag as a constant prediction; a collapsed model usually predicts ``O`` for all words."""
        del metric, train_label_ids
        head, names = head_named("token-classification"), tuple(label_names)
        answers = [(f"always {name}", np.full(label_ids.shape, tag)) for tag, name in enumerate(names)]
        return [(name, EvaluatedRows(label_ids, answer, None, head, names)) for name, answer in answers]

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Return no model: random tags almost never form a labelled entity."""
        del metric, label_ids, train_label_ids, label_names
        return []


def entity_changes(
    label_ids: Sequence[int],
    before: Sequence[int],
    after: Sequence[int],
    label_names: Sequence[str],
    words: Sequence[str],
) -> dict[str, list[str]]:
    """Describe the entities of a row that change with the predictions, such as ``person 'Anna Stone'``.

    Args:
        label_ids: ``[T]``, label ids of the tokens.
        before: ``[T]``, predicted tags.
        after: likewise.
        label_names: of the tags.
        words: words of the row, one for each tagged token; otherwise entities are named by the index of their first
            word.

    Returns:
        ``lost`` and ``found``: labelled entities; ``wrong`` and ``mended``: entities without a label, only in ``after``
        and only in ``before``.

    """
    names = [*label_names, OUTSIDE]
    judged = [place for place, tag in enumerate(label_ids) if tag != IGNORED]
    known, old, new = (entities_of([names[tags[place]] for place in judged]) for tags in (label_ids, before, after))
    changes = {
        "lost": known & old - new,
        "found": known & new - old,
        "wrong": new - known - old,
        "mended": old - known - new,
    }

    def described(kind: str, first: int, last: int) -> str:
        if len(words) != len(judged):
            return f"{kind} at word {first}"
        return f"{kind} {' '.join(words[first : last + 1])!r}"

    return {
        change: [described(*entity) for entity in sorted(entities, key=lambda entity: entity[1])]
        for change, entities in changes.items()
    }


def _counts(labelled: list[str], predicted: list[str], kind: str) -> tuple[int, int, int]:
    """Count the entities of a row: in both, predicted, labelled."""
    known, answered = (
        {entity for entity in entities_of(tags) if not kind or entity[0] == kind} for tags in (labelled, predicted)
    )
    return len(known & answered), len(answered), len(known)


def _accuracy(rows: EvaluatedRows) -> MeanMetric:
    words = rows.label_ids != IGNORED
    right = (rows.predictions == rows.label_ids) & words
    counts = np.stack([right.sum(axis=1), words.sum(axis=1)], axis=1).astype(np.float64)
    kinds = counts[:, 1:] * [[[0.0, 1.0]], [[1.0, 1.0]]]
    return MeanMetric(counts, lambda means: ratio(means[..., 0], means[..., 1], undefined=0.0), kinds)
