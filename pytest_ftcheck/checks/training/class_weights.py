"""Checks of a loss with class weights: rare classes have larger weights, and each weight belongs to its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.training.extremes import last_layer
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_MOST_CLASSES = 64
_SHOWN = 6
_EXPONENTS = (1.0, 0.5)
"""Exponents: inverse frequency, as `sklearn.utils.class_weight.compute_class_weight("balanced")` gives it, its root."""


@check(
    "training.class_weights",
    cost="forward",
    needs=(CLASSES, LABEL_PER_ROW),
    # Smallest ratio between weights that counts as class weights; relative tolerance of weights against the counts.
    thresholds={"apart": 0.05, "off": 0.1},
    catches="class weights in another order than the class ids: in the order of first occurrence, or of names",
    hint="compute the weights in the order of the ids: compute_class_weight('balanced', classes=range(num_labels), "
    "y=labels).",
)
def class_weights(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A loss that weights classes by their counts gives each class its own weight.

    A class's weight is the length of the loss's gradient at a row of the class with all logits 0, relative to the other
    classes. Weights that are a power of the train counts (-1 or -1/2) in another order fail; for other weights, the
    check warns if the most frequent class has a larger weight than the rarest one.

    Assumes: the loss depends on the logits of each row, and a class's weight only on its label.

    Unusual but healthy: weights that are costs, not from counts, only warn. Two classes whose costs equal the exchanged
    weights of the counts fail.

    False alarms: none by chance. Nothing is drawn.
    """
    evidence.require_training()
    counts, rows = _classes(evidence)
    weights = _weights(evidence, rows)
    if weights.max() <= weights.min() * (1 + thresholds["apart"]):
        return []
    for exponent in _EXPONENTS:
        meant = counts**-exponent / (counts**-exponent).mean()
        if np.allclose(weights, meant, rtol=thresholds["off"]):
            return []
        if np.allclose(np.sort(weights), np.sort(meant), rtol=thresholds["off"]):
            expected = f"each class has the weight of its own count: {_described(evidence, meant, counts)}"
            observed = f"the same weights in another order: {_described(evidence, weights, counts)}"
            return [finding(expected, observed)]
    if weights[counts.argmax()] > weights[counts.argmin()] * (1 + thresholds["apart"]) and counts.max() > counts.min():
        expected = "a rare class with at least the weight of a frequent one"
        return [warning(expected, _described(evidence, weights, counts), share=float(counts.min() / counts.sum()))]
    return []


def _classes(evidence: Evidence) -> tuple[NDArray[np.float64], list[int]]:
    """Return how many train rows each class has, ``[K]``, and the first row of each.

    Raises:
        NotApplicable: labels are not class ids, a class has no row, or there are too many classes.

    """
    labels = evidence.labels(evidence.pipeline.train_dataset)
    classes = evidence.pipeline.card.num_labels
    if classes > _MOST_CLASSES:
        msg = f"{classes} classes are too many for one batch with a row of each"
        raise NotApplicable(msg)
    first: dict[int, int] = {}
    for place, label in enumerate(labels):
        if isinstance(label, int):
            first.setdefault(label, place)
    if set(first) < set(range(classes)):
        msg = "a class has no train row"
        raise NotApplicable(msg)
    counts = [sum(label == name for label in labels) for name in range(classes)]
    return np.array(counts, float), [first[name] for name in range(classes)]


def _weights(evidence: Evidence, rows: list[int]) -> NDArray[np.float64]:
    """Return the weight of each class, ``[K]``, with a mean of 1.

    Raises:
        NotApplicable: the loss has no gradient for the logits of each row.

    """
    batch = evidence.collate(evidence.features(evidence.pipeline.train_dataset, rows))
    labels = batch.get("labels")
    if not isinstance(labels, torch.Tensor) or labels.flatten().tolist() != list(range(len(rows))):
        msg = "its batches have no single class a row under `labels`"
        raise NotApplicable(msg)
    model: Any = evidence.fresh_model
    logits = torch.zeros(len(rows), evidence.pipeline.card.num_labels, requires_grad=True)

    def replace(module: Any, args: Any, output: Tensor) -> Tensor:
        del module, args
        return logits.to(output)

    handle = last_layer(model, batch).register_forward_hook(replace)
    try:
        with torch.enable_grad():
            loss = evidence.loss(model, batch)
            gradients: tuple[Tensor | None, ...] = torch.autograd.grad(loss.float().sum(), logits, allow_unused=True)
    finally:
        handle.remove()
    lengths = np.zeros(1) if gradients[0] is None else gradients[0].norm(dim=-1).double().numpy()
    if not lengths.min() > 0:
        msg = "its loss does not depend on the logits of each row alone"
        raise NotApplicable(msg)
    return np.asarray(lengths / lengths.mean())


def _described(evidence: Evidence, weights: NDArray[np.float64], counts: NDArray[np.float64]) -> str:
    """Describe weights with counts, the most frequent class first."""
    names = evidence.pipeline.card.label_names or tuple(map(str, range(len(counts))))
    order = np.argsort(-counts, kind="stable")
    shown = ", ".join(f"{names[k]} {weights[k]:.2f} ({counts[k]:g} rows)" for k in order[:_SHOWN])
    return shown + (f" and {len(order) - _SHOWN} more" if len(order) > _SHOWN else "")
