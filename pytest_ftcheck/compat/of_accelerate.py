"""Private names of Accelerate, which keeps its state in dictionaries shared by the whole process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerate.state import AcceleratorState, GradientState, PartialState

if TYPE_CHECKING:
    from accelerate import Accelerator


def reset_state() -> None:
    """Reset device and precision that the first run of the process has set."""
    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 - no public way, and its own tests do so
    GradientState._reset_state()  # noqa: SLF001 - as above


def begin_own_state() -> None:
    """Give objects created from now on a new state; existing objects keep theirs."""
    for state in (PartialState, AcceleratorState, GradientState):
        state._shared_state = {}  # noqa: SLF001 - there is no public way


def set_sync_gradients(accelerator: Accelerator, *, last: bool) -> None:
    """Set whether a micro-batch is the last one of its optimizer step, as the Trainer does."""
    accelerator.gradient_state._set_sync_gradients(last)  # noqa: SLF001 - accumulate() counts by itself
