"""Private names of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def norms_of(tensors: Sequence[Tensor], dtype: torch.dtype | None = None) -> tuple[Tensor, ...]:
    """Compute the norm of each tensor with one kernel for all of them.

    Args:
        tensors: ``N`` tensors of floating point numbers, of any shapes.
        dtype: dtype of the norms; None: that of the tensors.

    Returns:
        ``N`` scalars.

    """
    if not tensors:
        return ()
    # The function refuses tensors with a wider dtype than the norms.
    found = [tensor if dtype is None or tensor.dtype != torch.float64 else tensor.to(dtype) for tensor in tensors]
    return tuple(torch._foreach_norm(found, dtype=dtype))  # noqa: SLF001 - the public clip_grad_norm_ also clips


def inductor_options(mode: str) -> dict[str, Any]:
    """Return the options of a mode of Inductor, because `torch.compile` takes a mode or options, not both."""
    from torch._inductor import list_mode_options  # noqa: PLC0415 - takes seconds, and few runs compile

    return dict(list_mode_options(mode))


def compiled_graphs() -> int:
    """Count the graphs that TorchDynamo has compiled in this process."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])  # noqa: SLF001 - it has no public count


def linear_by_onednn(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute a linear layer with oneDNN, with any strides.

    Args:
        rows: ``[M, K]``.
        weight: ``[N, K]``.
        bias: ``[N]``.

    Returns:
        ``[M, N]``.

    """
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")  # noqa: SLF001 - no other way
    return product


def remove_kernels(library: torch.library.Library) -> None:
    """Unregister the kernels of a library, as torch's own `_scoped_library` does."""
    library._destroy()  # noqa: SLF001 - there is no public way


def function_modes() -> list[Any]:
    """Return the function modes that are active in this thread, the innermost last."""
    return list(torch.overrides._get_current_function_mode_stack())  # noqa: SLF001 - it has no public name


def scheduler_steps(scheduler: torch.optim.lr_scheduler.LRScheduler) -> int:
    """Return the number of steps of a schedule; the first step is made by its constructor."""
    return int(scheduler._step_count)  # noqa: SLF001 - last_epoch may be set from outside
