"""A training step that a benchmark can call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import set_seed

from pytest_ftcheck.training.batches import only_accepted

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_ftcheck.pipeline.parts import Pipeline

DEFAULT_BATCH_SIZE = 8
"""As `transformers.TrainingArguments` has it where a recipe names none."""


class TrainingStep:
    """One optimizer step on a fixed batch of real rows: forward, backward, clip, update.

    Calling it waits for the device, so that a clock around the call measures the whole step. The model is
    its own: runs and fixtures never see it.

    Attributes:
        rows: B, rows of the batch, as many as the recipe's ``per_device_train_batch_size``.
        tokens: of the batch, without padding.
        batch: tensors ``[B, T]`` on the device.

    """

    def __init__(self, pipeline: Pipeline, *, device: str, seed: int = 0) -> None:
        set_seed(seed)
        wanted = int(pipeline.args.get("per_device_train_batch_size", DEFAULT_BATCH_SIZE))
        self.rows = min(wanted, len(pipeline.train_dataset))
        self.device = torch.device(device)
        # transformers declares `to` as if it took the model itself.
        self._model = cast("Any", pipeline.model_init()).to(self.device).train()
        rows = only_accepted(pipeline.train_dataset.select(range(self.rows)), self._model)
        batch = pipeline.data_collator(rows.to_list())
        self.batch: dict[str, Tensor] = {name: tensor.to(self.device) for name, tensor in batch.items()}
        self.tokens = int(self.batch["attention_mask"].sum())
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), lr=float(pipeline.args.get("learning_rate", 5e-5))
        )
        self._max_grad_norm = float(pipeline.args.get("max_grad_norm", 1.0))

    def __call__(self) -> Tensor:
        """Take one optimizer step.

        Returns:
            The loss before the update, a detached scalar.

        """
        loss: Tensor = self._model(**self.batch).loss
        loss.backward()
        if self._max_grad_norm > 0:  # 0 means: do not clip
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._max_grad_norm)
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
        return loss.detach()
