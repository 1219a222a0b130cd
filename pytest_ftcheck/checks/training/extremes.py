"""What the loss makes of predictions that are sure, and right or wrong. Shapes: B rows, K classes."""

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
"""Logits of the predicted class; the others' are as far below 0."""
_FLOOR = 0.1
"""Share of a guess's loss that a sure and right prediction may cost, where more certainty changes nothing."""


@check(
    "training.loss_extremes",
    cost="forward",
    needs=(CLASSES, LABEL_PER_ROW),
    catches="a softmax or sigmoid before the cross entropy, a loss with the wrong sign or with other labels",
    hint="hand the raw logits to the loss: cross entropy takes their softmax itself; and minimise it, with the labels "
    "that the logits stand for.",
)
def loss_extremes(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The loss rewards a right prediction, punishes a wrong one, and does so the more the surer it is.

    A loss that is bounded is let through where it ends at about 0.

    Assumes: a sure and right prediction is the best one.

    Unusual but healthy: bounded losses that end at about 0 are let through; a loss that does not depend on the last
    layer alone is skipped. One that punishes certainty, as a large label smoothing does, is let through.

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
    expected = f"a loss near 0 where all rows are right and sure, a guess costing {guess:.4g}"
    observed = (
        f"{ends[1][0]:.4g}, and {ends[1][1]:.4g} where all are wrong, however sure: something squashes the logits"
    )
    return [finding(expected, observed)]


def last_layer(model: nn.Module, batch: dict[str, Any]) -> nn.Module:
    """Find the layer whose output the logits are.

    Raises:
        NotApplicable: there is none.

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
        msg = "no layer of the model gives the logits as they are: what its loss makes of others cannot be asked"
        raise NotApplicable(msg)
    return same[0]


@contextmanager
def _predicting(layer: nn.Module, predicted: Tensor, logit: float, classes: int) -> Iterator[None]:
    """Let a layer predict these classes ``[B]``, so surely, whatever it is given."""
    logits = torch.where(torch.nn.functional.one_hot(predicted, classes).bool(), logit, -logit)

    def replace(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        del module, args
        return logits.to(output)

    handle = layer.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()
