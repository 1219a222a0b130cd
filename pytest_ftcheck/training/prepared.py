"""The parts of a training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from accelerate import Accelerator
    from torch import nn


@dataclass(frozen=True)
class Prepared:
    """Model, batches and optimizer, on the device of the run."""

    accelerator: Accelerator
    model: nn.Module
    optimizer: torch.optim.Optimizer
    train_loader: Any
    eval_loader: Any
    compute_loss: Callable[..., Any]
    """Function of a model and a batch, like `Trainer.compute_loss`."""
