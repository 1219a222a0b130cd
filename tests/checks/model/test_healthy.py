"""Healthy models and healthy ways to fine-tune: no check of weights, gradients or loss is red."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.training.probe import without_dropout

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from tests.checks.model.conftest import ModelParts


CHECKS = ("new_weights", "dtype", "pad_token_id", "gradients", "gradient_checkpointing", "loss_at_start", "loss_rows")


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


@pytest.mark.parametrize("name", CHECKS)
def test_bundled_checkpoint_is_healthy(mrpc: ModelParts, name: str) -> None:
    assert judge(name, mrpc.evidence()) == []


def red(evidence: Evidence) -> set[str]:
    found = set()
    for name in CHECKS:
        try:
            found |= {name} if judge(name, evidence) else set()
        except NotApplicable:
            continue
    return found


def test_regression_is_healthy(stsb: ModelParts) -> None:
    assert red(stsb.evidence()) == set()


def add_adapters(model: Any) -> None:
    """Freeze everything, and put a low rank adapter into each query."""
    model.bert.requires_grad_(requires_grad=False)
    for layer in model.bert.encoder.layer:
        layer.attention.self.query = LowRank(layer.attention.self.query)


class LowRank(nn.Module):
    def __init__(self, inner: nn.Linear) -> None:
        super().__init__()
        self.inner, self.down = inner, nn.Linear(inner.in_features, 4, bias=False)
        self.up = nn.Linear(4, inner.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, states: Any) -> Any:
        return self.inner(states) + self.up(self.down(states))


def read_the_first_token(model: Any) -> None:
    """Leave the pooler to run for nothing, beside frozen embeddings."""
    model.bert.embeddings.requires_grad_(requires_grad=False)
    model.bert.register_forward_hook(
        lambda _, __, output: type(output)(output.last_hidden_state, output.last_hidden_state[:, 0])
    )


HEALTHY: dict[str, Callable[[Any], object]] = {
    "pooler unused": read_the_first_token,
    "adapters": add_adapters,
    "frozen embeddings": lambda model: model.bert.embeddings.requires_grad_(requires_grad=False),
    "frozen lower layers": lambda model: model.bert.encoder.layer[0].requires_grad_(requires_grad=False),
    "more tokens": lambda model: model.resize_token_embeddings(380),
    "head of zeros": lambda model: nn.init.zeros_(model.classifier.weight),
    "no dropout": without_dropout,
}


@pytest.mark.parametrize("change", HEALTHY.values(), ids=HEALTHY.keys())
def test_ways_to_fine_tune_are_healthy(mrpc: ModelParts, change: Callable[[Any], object]) -> None:
    with quiet_libraries():
        assert red(mrpc.changed(change)) == set()
