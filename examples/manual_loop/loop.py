"""A training loop of our own: upper layers learn faster than lower ones, and the best weights are kept on the way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasets import Dataset
    from transformers import PreTrainedModel

MAX_GRAD_NORM = 1.0


def parameter_groups(model: PreTrainedModel, learning_rate: float, decay: float) -> list[dict[str, Any]]:
    """Give the head ``learning_rate``, and every layer below it ``decay`` times that of the layer above."""
    depth = model.config.num_hidden_layers
    groups: dict[int, dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if ".embeddings." in name:
            below = depth + 1
        elif ".layer." in name:
            below = depth - int(name.split(".layer.")[1].split(".")[0])
        else:
            below = 0
        group = groups.setdefault(below, {"params": [], "lr": learning_rate * decay**below})
        group["params"].append(parameter)
    return [groups[below] for below in sorted(groups)]


def finetune(
    model: PreTrainedModel,
    rows: Dataset,
    collator: Callable[..., Any],
    *,
    epochs: int = 2,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    decay: float = 0.9,
    seed: int = 0,
) -> list[float]:
    """Train the model in place; return the loss of every step."""
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    loader: DataLoader[Any] = DataLoader(
        rows,
        batch_size,
        shuffle=True,
        collate_fn=collator,
        generator=torch.Generator().manual_seed(seed),
    )
    steps = epochs * len(loader)
    warmup = max(1, steps // 10)
    optimizer = torch.optim.AdamW(parameter_groups(model, learning_rate, decay), weight_decay=0.01)
    schedule = LambdaLR(optimizer, lambda step: min(step / warmup, 0.5 * (1 + math.cos(math.pi * step / steps))))
    losses = []
    model.train()
    for _ in range(epochs):
        for batch in loader:
            loss = model(**{name: tensor.to(device) for name, tensor in batch.items()}).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    return losses


@torch.no_grad()
def predict(model: PreTrainedModel, rows: Dataset, collator: Callable[..., Any], batch_size: int = 64) -> np.ndarray:
    """Return the logits `[N, K]` of all rows, in their order, float32."""
    model.eval()
    device = next(model.parameters()).device
    loader: DataLoader[Any] = DataLoader(rows, batch_size, collate_fn=collator)
    logits = [model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits.cpu() for batch in loader]
    return np.concatenate([part.float().numpy() for part in logits])
