"""Floating point operations of a training step: counted, and estimated by a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from torch import nn

    from pytest_ftcheck.speed.batches import Work
    from pytest_ftcheck.speed.step import TrainingStep


def count_flops(step: TrainingStep) -> list[int]:
    """Count the operations of forward and backward of each optimizer step, with padding.

    One row of every length is counted, because no matrix product of these models mixes rows. Attention is counted as
    plain matrix products: the recomputation of fused kernels in the backward pass is not useful work, and
    `torch.utils.flop_counter` does not know the fused kernel of the CPU.

    Returns:
        Number of operations for each entry of ``step.work``.

    """
    of_length: dict[int, int] = {}
    for work, micro_batches in zip(step.work, step.batches, strict=True):
        for (_, length), batch in zip(work.shapes, micro_batches, strict=True):
            if length not in of_length:
                row = {name: tensor[:1] for name, tensor in batch.items()}
                with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
                    step.forward_backward(row)
                of_length[length] = counter.get_total_flops()
    return [sum(rows * of_length[length] for rows, length in work.shapes) for work in step.work]


def formula_flops(model: nn.Module, work: Work) -> float:
    """Estimate the operations of one optimizer step from the model's size, with padding.

    6 operations for each non-embedding parameter and position, and for the attention of each layer 12 x hidden size
    x T for each position: products of queries with keys, and of their weights with values, once forward and twice
    backward.
    """
    config = model.config
    # nn.Module declares its attributes as tensors or modules.
    layers, hidden = int(config.num_hidden_layers), int(config.hidden_size)  # type: ignore[arg-type, union-attr]
    attention = sum(12 * layers * hidden * rows * length**2 for rows, length in work.shapes)
    return 6.0 * non_embedding_parameters(model) * work.positions + attention


def non_embedding_parameters(model: nn.Module) -> int:
    """Count the parameters without embedding tables."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    return sum(parameter.numel() for parameter in model.parameters() if id(parameter) not in tables)
