"""The private names of Accelerate that are used do what they are used for."""

from __future__ import annotations

import pytest
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState

from pytest_ftcheck.compat import of_accelerate


@pytest.fixture(autouse=True)
def _as_before() -> None:
    of_accelerate.reset_state()


def test_precision_of_an_earlier_run_is_forgotten() -> None:
    Accelerator(cpu=True, mixed_precision="bf16")
    assert AcceleratorState().mixed_precision == "bf16"
    of_accelerate.reset_state()
    assert Accelerator(cpu=True).mixed_precision == "no"


def test_two_accelerators_have_a_state_each() -> None:
    first = Accelerator(cpu=True, mixed_precision="bf16")
    of_accelerate.begin_own_state()
    second = Accelerator(cpu=True)
    assert (first.mixed_precision, second.mixed_precision) == ("bf16", "no")
    for state in (PartialState, AcceleratorState, GradientState):
        assert state._shared_state


@pytest.mark.parametrize("last", [True, False])
def test_accelerate_is_told_of_the_last_micro_batch(*, last: bool) -> None:
    accelerator = Accelerator(cpu=True)
    of_accelerate.set_sync_gradients(accelerator, last=last)
    assert accelerator.sync_gradients is last
