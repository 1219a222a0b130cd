"""A small model, its batches and its training, which a tracer watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pytest_ftcheck.runs.trace import Trace
    from pytest_ftcheck.training.tracer import Tracer

PAD = 0


class Model(nn.Module):
    """Embeds, normalises, drops, classifies."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 4)
        self.norm = nn.LayerNorm(4)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(4, 2)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        del attention_mask
        logits = self.head(self.dropout(self.norm(self.embedding(input_ids)).mean(dim=1)))
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


def batch(*rows: list[int], labels: Any = None) -> dict[str, Tensor]:
    ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    values = torch.tensor([index % 2 for index in range(len(rows))] if labels is None else labels)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": values}


ROWS = ([5, 6, 7], [8, 9], [10], [11, 12, 13, 14])


def adamw(model: nn.Module, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), **{"lr": 1e-2, **options})


def train(  # noqa: PLR0917 - the parts of a loop
    tracer: Tracer,
    model: Model,
    optimizer: torch.optim.Optimizer,
    steps: int = 3,
    micro_steps: int = 1,
    step: Callable[[], object] | None = None,
) -> Trace:
    model.train()
    for _ in range(steps):
        for _ in range(micro_steps):
            given = batch(*ROWS)
            tracer.train_batch(given)
            model(**given)["loss"].backward()
        (step or optimizer.step)()
        optimizer.zero_grad()
    return tracer.finish()
