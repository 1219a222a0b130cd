"""A run is made as outside of the checks, whichever check needs it first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.checks.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("inside", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_gradients_are_switched_as_outside_of_the_checks(*, outside: bool, inside: Callable[[], Any]) -> None:
    seen = []

    def make(**_: Any) -> Any:
        seen.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))

    pipeline: Any = SimpleNamespace(trains=True, source=SimpleNamespace(trains=True))
    with torch.set_grad_enabled(outside):
        evidence = Evidence(pipeline, engine="trainer", seed=0, environment={}, make_run=make, make_probe=make)
    with inside():
        _ = evidence.run
        evidence.of_parts(pipeline).probe()
        assert torch.is_grad_enabled() == (inside is torch.enable_grad)
    assert seen == [(outside, False)] * 2
