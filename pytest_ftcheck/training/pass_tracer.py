"""Records the passes of a run over its rows: epochs, evaluations, and what the model is given in them."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.compat.of_torch import norms_of
from pytest_ftcheck.pipeline.forward import forward_parameters, labels_in
from pytest_ftcheck.runs.trace import Pass
from pytest_ftcheck.training.fingerprint import fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

_LOOKS = 20
"""Number of batches whose padding is checked; a mask that is left out is left out of every batch."""


@dataclass
class _OpenPass:
    kind: str
    rows: list[Tensor] = field(default_factory=list)
    labels: list[Tensor | None] = field(default_factory=list)
    in_train_mode: bool = False
    before: Tensor | None = None
    after: Tensor | None = None

    def close(self) -> Pass:
        sizes = tuple(len(rows) for rows in self.rows)
        labels: list[float] = []
        for size, values in zip(sizes, self.labels, strict=True):
            labels += [math.nan] * size if values is None or values.numel() != size else values.flatten().tolist()
        return Pass(
            kind=self.kind,
            rows=tuple(int(row) for rows in self.rows for row in rows.tolist()),
            labels=tuple(float(label) for label in labels),
            batch_sizes=sizes,
            in_train_mode=self.in_train_mode,
            weights_changed=self._weights_changed(),
        )

    def _weights_changed(self) -> bool:
        return self.before is not None and self.after is not None and not torch.equal(self.before, self.after)


class PassTracer:
    """Records the passes over the rows.

    Attributes:
        model: the traced model; None before there is one.
        padded_without_mask: a batch had padding, and the model got no attention mask.

    """

    def __init__(self, pad_id: int | None) -> None:
        self.model: nn.Module | None = None
        self.padded_without_mask = False
        self._pad_id = pad_id
        self._arguments: tuple[str, ...] = ()
        self._opened: list[_OpenPass] = []
        self._train: _OpenPass | None = None
        self._evaluation: _OpenPass | None = None
        self._keys: dict[str, set[str]] = {}
        self._looked = 0

    @property
    def passes(self) -> tuple[Pass, ...]:
        """All passes with rows, in their order."""
        return tuple(opened.close() for opened in self._opened if opened.rows)

    def forward_keys(self, kind: str) -> tuple[str, ...]:
        """Return the keywords that the model got in each forward pass of a kind, ``train`` or ``eval``."""
        return tuple(sorted(self._keys.get(kind, ())))

    def watch(self, model: nn.Module) -> None:
        """Take the model that is traced, as it is before any training."""
        self.model = model
        self._arguments = tuple(forward_parameters(model))

    def begin_epoch(self) -> None:
        """Start a new pass over the training rows."""
        self._train = self._open("train")

    def train_batch(self, batch: Mapping[str, Any]) -> None:
        """Record the rows of a training batch."""
        if self._train is None:
            self._train = self._open("train")
        self._note(self._train, batch)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Record everything in this context as one evaluation."""
        outer, self._evaluation = self._evaluation, self._open("eval")
        self._evaluation.before = self._weights()
        try:
            yield
        finally:
            self._evaluation.after = self._weights()
            self._evaluation = outer

    def eval_batch(self, batch: Mapping[str, Any]) -> None:
        """Record the rows of an evaluation batch."""
        if self._evaluation is not None:
            self._note(self._evaluation, batch)

    def _open(self, kind: str) -> _OpenPass:
        self._opened.append(_OpenPass(kind))
        return self._opened[-1]

    def _note(self, where: _OpenPass, batch: Mapping[str, Any]) -> None:
        ids = batch.get("input_ids")
        if not isinstance(ids, torch.Tensor) or ids.dim() < 2:  # [B, T], or [B, C, T] of several texts
            return
        labels = labels_in(batch)
        where.rows.append(fingerprints(ids, self._pad_id))
        where.labels.append(labels.detach().clone() if isinstance(labels, torch.Tensor) else None)

    def _weights(self) -> Tensor | None:
        """Return the norms of all parameters and buffers, to detect changes."""
        if self.model is None:
            return None
        tensors = [*self.model.parameters(), *self.model.buffers()]
        floats = [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
        return torch.stack([norm.float() for norm in norms_of(floats)])

    def before_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Record the mode of the model and what it is given; a hook before its forward pass."""
        trains = torch.is_grad_enabled() and self._evaluation is None
        where = self._train if trains else self._evaluation
        if where is not None and not where.in_train_mode:
            where.in_train_mode = any(module.training for module in model.modules())
        given = dict(zip(self._arguments, args, strict=False)) | kwargs
        keys = {name for name, value in given.items() if value is not None}
        kind = "train" if trains else "eval"
        self._keys[kind] = self._keys[kind] & keys if kind in self._keys else keys
        ids = given.get("input_ids")
        if self._looked < _LOOKS and self._pad_id is not None and isinstance(ids, torch.Tensor):
            self._looked += 1
            self.padded_without_mask |= "attention_mask" not in keys and bool((ids == self._pad_id).any())
