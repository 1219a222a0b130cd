"""Betas, epsilon and weight decay of the optimizer that a run had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]
    Traced = Callable[..., Evidence]

CHECK = "training.optimizer_settings"


def said(judged: Judged, evidence: Evidence | Pipeline) -> list[tuple[str, str]]:
    return [(entry.level, entry.observed) for entry in judged(CHECK, evidence)]


def made_with(**settings: Any) -> dict[str, Any]:
    return {"optimizers": {"torch.optim.AdamW": {"betas": (0.9, 0.999), "eps": (1e-8,), **settings}}}


@pytest.mark.parametrize(
    "optimizers",
    [
        made_with(),
        made_with(betas=(0.9, 0.9)),
        made_with(betas=(0.9, 0.99, 0.999)),
        {"optimizers": {"torch.optim.SGD": {"momentum": (0.9,)}}},
        {"optimizers": {"torch.optim.Adafactor": {"eps": (1e-30, 1e-3)}}},
        {"optimizers": {}},
    ],
    ids=["AdamW", "equal betas", "three betas", "SGD", "Adafactor", "none seen"],
)
def test_usual_settings_are_healthy(judged: Judged, traced: Traced, optimizers: dict[str, Any]) -> None:
    assert said(judged, traced(**optimizers)) == []


def test_exchanged_betas_are_found(judged: Judged, traced: Traced) -> None:
    assert said(judged, traced(**made_with(betas=(0.999, 0.9)))) == [
        ("fail", "betas = (0.999, 0.9) of torch.optim.AdamW: exchanged")
    ]


def test_epsilon_above_the_gradients_is_found(judged: Judged, traced: Traced, kit: Any) -> None:
    # A norm of 1 over 100 values: a tenth each.
    gradients = {"gradient_norms": (1.0,) * 32, "parameters": (kit.parameter(),)}
    assert said(judged, traced(**gradients, **made_with(eps=(1.0,)))) == []
    assert said(judged, traced(**gradients, **made_with(eps=(10.0,)))) == [
        (
            "fail",
            "eps = 10 of torch.optim.AdamW, 100 times the gradient of a value (0.1): steps are too small by it",
        )
    ]


@pytest.mark.parametrize(("decay", "level"), [(0.01, "warn"), (0.9, "fail")])
def test_decay_that_is_added_to_the_gradient_is_found(judged: Judged, toy: Toy, decay: float, level: str) -> None:
    def adam(kind: Any) -> Callable[[Any], Any]:
        return lambda model: (kind(model.parameters(), lr=1e-3, weight_decay=decay), None)

    assert said(judged, toy(optimizers=adam(torch.optim.AdamW))) == []
    ((found, observed),) = said(judged, toy(optimizers=adam(torch.optim.Adam)))
    assert found == level
    assert observed.startswith(f"weight_decay = {decay:g} of torch.optim.Adam is added to the gradient (L2)")
