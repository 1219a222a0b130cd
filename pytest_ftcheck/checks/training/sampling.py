"""Checks of a sampler of the user's own: which rows it draws, and how often."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import finding, warning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.trace import Pass

_MOST_OF = 0.9
_HALF = 0.5
_MOST_CLASSES = 1000
_SURELY = 20
"""Expected number of drawn rows of a class; the probability that none is drawn is then e^-20."""


def drawn(passes: list[Pass], rows: int, sampler: str, least: float) -> list[Finding]:
    """Compare the number of different rows that a user's sampler draws with that of equal probabilities.

    A sampler that balances classes repeats rows, but still draws a large part of all: with equal probabilities, D draws
    from N rows give N (1 - (1 - 1/N)^D) different rows.
    """
    seen = Counter(row for epoch in passes for row in epoch.rows)
    draws, different = seen.total(), len(seen)
    usual = rows * (1 - (1 - 1 / rows) ** draws)
    if different < least * usual:
        expected = f"about {usual:.0f} of {rows} rows in {draws} draws, as equal chances give"
        observed = f"{different} of {rows} rows were drawn ({sampler}), one of them {max(seen.values())} times"
        hint = "look at the weights of the sampler: WeightedRandomSampler takes one for each row, not for each class."
        return [finding(expected, observed, hint=hint)]
    sets = {frozenset(epoch.rows) for epoch in passes[:-1] or passes}
    if len(passes) > 2 and len(sets) == 1 and different < _MOST_OF * rows:  # two whole epochs and the last
        expected = "different rows in each epoch, because the sampler draws only a part of them"
        observed = f"the same {different} of {rows} rows in every epoch ({sampler})"
        hint = "look for a sampler that takes the first rows, or draws with a seed of its own in every epoch."
        if different < _HALF * rows:
            return [finding(expected, observed, hint=hint)]
        return [warning(expected, observed, share=1 - different / rows, hint=hint)]
    return []


def classes_never_drawn(evidence: Evidence, passes: list[Pass]) -> list[Finding]:
    """Find classes of the train rows of which a sampler draws no row in the whole run.

    A sampler that draws classes equally or by their size does not miss a class of that many rows by chance.
    """
    rows, column = evidence.pipeline.train_dataset, evidence.pipeline.label_column
    labels = [label for epoch in passes for label in epoch.labels]
    if column not in rows.column_names or not labels or any(label != label for label in labels):  # noqa: PLR0124 - NaN
        return []
    there = Counter(rows[column])
    if any(not isinstance(label, int) for label in there) or len(there) > _MOST_CLASSES:
        return []
    expected = {label: count / there.total() * len(labels) for label, count in there.items()}
    missing = [label for label in sorted(there.keys() - set(labels)) if expected[label] >= _SURELY]
    if not missing:
        return []
    classes = ", ".join(f"{label} ({there[label]} of {len(rows)} rows)" for label in missing)
    hint = (
        "look at the weights of the sampler: a row of weight 0 is never drawn; to balance, take 1 / rows of its class."
    )
    return [
        finding("rows of every class among those that are drawn", f"no row of class {classes} is ever drawn", hint=hint)
    ]


def misplaced_weights(evidence: Evidence) -> list[Finding]:
    """Find weights of a sampler that balance classes, but are assigned to wrong rows.

    Weights that balance classes have one value for each class size, and each value occurs once for each row of classes
    of that size. If this holds, but rows of one class have several weights, the weights are assigned to wrong rows.
    """
    weights = getattr(evidence.pipeline.source.own.sampler, "weights", None)
    rows, column = evidence.pipeline.train_dataset, evidence.pipeline.label_column
    if weights is None or column not in rows.column_names or len(weights) != len(rows):
        return []
    labels, values = np.asarray(rows[column]), np.asarray(weights, float)
    if labels.ndim != 1 or values.ndim != 1 or all(len(set(values[labels == one])) == 1 for one in set(labels)):
        return []
    meant = weight_by_class(values, labels)
    if meant is None:
        return []
    moved = sum(meant[label] != value for label, value in zip(labels.tolist(), values.tolist(), strict=True))
    expected = "one weight for all rows of a class: the weights are as many of each value as the classes have rows"
    observed = f"{moved} of {len(rows)} rows have the weight of another class: the weights are in another order"
    hint = "compute the sampler's weights from the final training rows, after they are shuffled and filtered."
    return [finding(expected, observed, hint=hint)]


def weight_by_class(weights: NDArray[np.float64], labels: NDArray[Any]) -> dict[Any, float] | None:
    """Return the weight that each class is meant to have, if weights ``[N]`` are made from the classes' sizes.

    Returns:
        The weights; None if the counts of the values differ from the numbers of rows (``labels [N]``) by class size.

    """
    sizes = Counter(labels.tolist())
    # Classes of the same size have the same weight.
    rows_of_size: Counter[int] = Counter()
    for size in sizes.values():
        rows_of_size[size] += size
    value_of = {count: value for value, count in Counter(weights.tolist()).items()}
    if len(rows_of_size) < 2 or sorted(Counter(weights.tolist()).values()) != sorted(rows_of_size.values()):  # sizes
        return None
    return {label: value_of[rows_of_size[size]] for label, size in sizes.items()}
