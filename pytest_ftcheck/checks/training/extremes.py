"""Checks of the loss of confident predictions, right and wrong. Shapes: B rows, K classes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.model.logits import affordable, logits_of
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_LEANING, _SURE, _SURER = 1.0, 25.0, 50.0
"""Logits of the predicted class; the logits of the others have the opposite sign."""
_FLOOR = 0.1
"""Allowed loss of a confident right prediction, as a fraction of a guess's loss, if the loss is bounded."""


@check(
    "training.loss_extremes",
    cost="forward",
    needs=(CLASSES, LABEL_PER_ROW),
    catches="a softmax or sigmoid before the cross entropy, a loss with the wrong sign or with other labels",
    hint="pass the raw logits to the loss: cross entropy applies the softmax itself; minimise the loss, with the "
    "labels of these logits.",
)
def loss_extremes(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The loss is small for right and large for wrong predictions, and more so for more confident predictions.

    A bounded loss passes if it is about 0 for confident right predictions.

    Assumes: a confident right prediction is the best one.

    Unusual but healthy: bounded losses that end at about 0 pass; a loss that does not depend on the last layer alone is
    skipped. A loss that punishes confidence, as with a large label smoothing, passes.

    False alarms: none by chance.
    """
    del thresholds
    evidence.require_training()
    rows = evidence.pipeline.train_dataset
    batch = evidence.collate(evidence.features(rows, list(range(min(affordable(evidence, 16, 8), len(rows))))))
    labels, classes = batch.get("labels"), evidence.pipeline.card.num_labels
    if not isinstance(labels, torch.Tensor) or labels.is_floating_point() or labels.numel() != len(labels):
        msg = "its batches have no single class a row under `labels`"
        raise NotApplicable(msg)
    model: Any = evidence.fresh_model
    place = last_layer(model, batch)
    right, wrong = labels.flatten() % classes, (labels.flatten() + 1) % classes

    def loss(predicted: Tensor, logit: float) -> float:
        with torch.no_grad(), _predicting(place, predicted, logit, classes):
            return float(evidence.loss(model, batch).float().mean())

    guess, good, bad = loss(right, 0.0), loss(right, _LEANING), loss(wrong, _LEANING)
    if good == guess == bad:
        msg = "its loss does not depend on the logits alone"
        raise NotApplicable(msg)
    if not good < guess < bad:
        return [
            finding(
                "a loss that is smaller for right predictions than for a guess, and larger for wrong ones",
                f"{good:.4g} for right ones, {guess:.4g} for a guess, {bad:.4g} for wrong ones",
            )
        ]
    ends = [(loss(right, logit), loss(wrong, logit)) for logit in (_SURE, _SURER)]
    bounded = all(abs(less - more) <= 1e-3 * guess for less, more in zip(*ends, strict=True))
    if not bounded or ends[1][0] <= _FLOOR * guess:
        return []
    expected = f"a loss near 0 if all rows are right with high confidence; the loss of a guess is {guess:.4g}"
    observed = (
        f"{ends[1][0]:.4g}, and {ends[1][1]:.4g} if all are wrong, with any confidence: something squashes the logits"
    )
    return [finding(expected, observed)]


def last_layer(model: nn.Module, batch: dict[str, Any]) -> nn.Module:
    """Find the layer whose output is the logits.

    Raises:
        NotApplicable: there is no such layer.

    """
    outputs: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        del args
        if isinstance(output, torch.Tensor):
            outputs[module] = output

    handles = [module.register_forward_hook(keep) for module in model.modules()]
    try:
        logits = logits_of(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    same = [m for m, out in outputs.items() if out.shape == logits.shape and torch.equal(out.to(logits), logits)]
    if not same:
        msg = "no layer of the model gives the logits unchanged: its loss cannot be computed for other logits"
        raise NotApplicable(msg)
    return same[0]


@contextmanager
def _predicting(layer: nn.Module, predicted: Tensor, logit: float, classes: int) -> Iterator[None]:
    """Let a layer predict these classes ``[B]`` with this logit, for any input."""
    logits = torch.where(torch.nn.functional.one_hot(predicted, classes).bool(), logit, -logit)

    def replace(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        del module, args
        return logits.to(output)

    handle = layer.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()
