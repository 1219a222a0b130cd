"""One optimizer step over micro-batches: the gradient of one batch of all their rows or labelled tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.columns import LABEL_NAMES
from pytest_ftcheck.compat.of_accelerate import set_sync_gradients
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerate import Accelerator
    from torch import Tensor, nn

    from pytest_ftcheck.training.recorder import StepRecorder


def optimizer_step(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    micro_batches: list[dict[str, Tensor]],
    *,
    compute_loss: Callable[..., Any],
    max_grad_norm: float,
    recorder: StepRecorder,
) -> Tensor:
    """Update the parameters once, with the mean gradient over the rows or labelled tokens of all micro-batches.

    Returns:
        The mean loss over these rows or tokens, detached.

    """
    weights = weights_of(micro_batches)
    total = torch.zeros((), device=accelerator.device)
    for index, batch in enumerate(micro_batches):
        set_sync_gradients(accelerator, last=index == len(micro_batches) - 1)
        recorder.tracer.train_batch(batch)
        loss = weighted(compute_loss(model, dict(batch)), weights[index])
        accelerator.backward(loss)
        recorder.micro_step(loss.detach())
        total += loss.detach()
    if max_grad_norm > 0:
        accelerator.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    return total


def weights_of(micro_batches: list[dict[str, Tensor]]) -> list[float]:
    """Return the fraction of the items of an optimizer step that each micro-batch has."""
    items = [items_of(batch) for batch in micro_batches] if len(micro_batches) > 1 else [1]
    # A step without any item has no mean, whatever the weights.
    return [count / sum(items) for count in items] if any(items) else [1.0] * len(items)


def weighted(loss: Tensor, weight: float) -> Tensor:
    """Multiply the mean loss of a micro-batch by its weight.

    A micro-batch without a labelled token has the weight 0: its mean, 0 / 0, is not a number, and its gradient is 0.
    """
    return loss * weight if weight else loss.nan_to_num(0.0) * weight


def rows_of(batch: dict[str, Tensor]) -> int:
    """Count the rows of a batch."""
    return len(next(iter(batch.values())))


def items_of(batch: dict[str, Tensor]) -> int:
    """Return the number of items in the mean loss of a batch: rows, or tokens with a label."""
    labels = next((batch[name] for name in LABEL_NAMES if name in batch), None)
    if labels is None or labels.is_floating_point():
        return rows_of(batch)
    return int((labels != IGNORED).sum())
