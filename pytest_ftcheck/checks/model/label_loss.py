"""Checks of the loss of rows with any number of labels: the labels must not compete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.model.logits import evaluated_features
from pytest_ftcheck.heads.traits import LABEL_SETS
from pytest_ftcheck.printable import text_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 8
_SHIFT = 2.0
_SAME = 1e-4
"""Relative change of a loss that rounding causes."""


@check(
    "model.labels_compete",
    cost="forward",
    needs=(LABEL_SETS,),
    catches="cross entropy with a softmax over the labels of a row, which takes from one label what it gives to "
    "another",
    hint="use binary cross entropy: problem_type='multi_label_classification', or BCEWithLogitsLoss in a loss of "
    "your own. A softmax over the labels can predict only one of them.",
)
@torch.no_grad()
def labels_compete(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The loss changes when all logits of a row rise by the same amount.

    A softmax does not change if a constant is added to all logits of a row; a sigmoid of each label does. The check
    raises the logits by 2 in the layer that computes them.

    Assumes: a linear layer with one output for each label computes the logits.

    Unusual but healthy: losses with weights, margins and focal terms pass. A loss that only ranks the labels of a row,
    such as `torch.nn.MultiLabelMarginLoss`, fails: its logits have no threshold. Silence the check in the card.

    False alarms: none by chance.
    """
    del thresholds
    model = evidence.fresh_model
    layer = _last_layer(model, evidence.pipeline.card.num_labels)
    batch = evidence.collate(evaluated_features(evidence, _ROWS))
    try:
        plain, raised, first = (_loss(evidence, layer, batch, shift) for shift in (None, _raise_all, _raise_first))
    except (RuntimeError, ValueError) as error:
        msg = f"the loss of a batch fails: {text_of(error)}"
        raise NotApplicable(msg) from error
    if _same(plain, first):
        msg = "the loss does not change with a logit of that layer: the layer of the logits is not known"
        raise NotApplicable(msg)
    if not _same(plain, raised):
        return []
    observed = f"{plain:.6g} before and {raised:.6g} after: the labels share one softmax"
    return [finding(f"a loss that changes when all logits of a row rise by {_SHIFT:g}", observed)]


def _last_layer(model: nn.Module, width: int) -> nn.Module:
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear) and layer.out_features == width]
    if not layers:
        msg = f"no linear layer of the model has {width} outputs"
        raise NotApplicable(msg)
    return layers[-1]


def _raise_all(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    return output + _SHIFT


def _raise_first(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    raised = torch.zeros_like(output)
    raised[..., 0] = _SHIFT
    return output + raised


def _loss(evidence: Evidence, layer: nn.Module, batch: dict[str, Any], hook: Any) -> float:
    """Return the loss of a batch with a changed output of the layer."""
    handle = None if hook is None else layer.register_forward_hook(hook)
    try:
        return float(evidence.loss(evidence.fresh_model, dict(batch)).float().mean())
    finally:
        if handle is not None:
            handle.remove()


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= _SAME * max(1.0, abs(first))
