"""Training leaves no trace in the process around it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch

from pytest_ftcheck.training.determinism import deterministic, isolated

if TYPE_CHECKING:
    from collections.abc import Iterator


def state() -> dict[str, Any]:
    return {
        "python": random.getstate(),
        "numpy": cast("Any", np.random.get_state())[1].tolist(),  # noqa: NPY002 - what libraries use
        "torch": torch.get_rng_state().tolist(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
    }


@pytest.fixture(autouse=True)
def _unchanged() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=False)


def disturb() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - what libraries use
    torch.manual_seed(1)
    torch.set_num_threads(3)
    torch.use_deterministic_algorithms(mode=False)


def test_kernels_are_deterministic_and_threads_as_asked_inside() -> None:
    with isolated(2), deterministic(wanted=True):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.get_num_threads() == 2


def test_nothing_but_the_threads_is_changed_where_determinism_is_not_wanted() -> None:
    before = state()
    with isolated(before["threads"]), deterministic(wanted=False):
        assert state() == before


def test_threads_that_are_right_are_not_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        pytest.fail("setting them changes how MKL chooses its threads")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "set_num_threads", refuse)
        with isolated(torch.get_num_threads()):
            pass


@pytest.mark.parametrize("before", [(False, False), (True, False), (True, True)], ids=str)
def test_global_state_is_restored(before: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])
    torch.set_num_threads(1)
    expected = state()
    with isolated(2), deterministic(wanted=True):
        disturb()
    assert state() == expected


def fail() -> None:
    with isolated(2), deterministic(wanted=True):
        disturb()
        raise RuntimeError("planted")  # noqa: EM101 - the test's own


def test_global_state_is_restored_after_an_error() -> None:
    expected = state()
    with pytest.raises(RuntimeError, match="planted"):
        fail()
    assert state() == expected
