"""Settings of layers that let a model learn, and settings that do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from tests.checks.model.changed_models import changed, red
from tests.checks.model.changed_models import judge as judge_forward

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module")
def judge(parts: Pipeline) -> Callable[..., list[Finding]]:
    def judged(change: Callable[[Any], object]) -> list[Finding]:
        none: Any = None
        pipeline = replace(parts, model_init=ChangedModel(parts.model_init, change))
        evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=none, make_probe=none)
        return run_check(catalogue()["model.settings"], evidence)

    return judged


def dropping(share: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.dropout.p = share

    return change


def normalising(momentum: float | None) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.norm = nn.BatchNorm1d(4, momentum=momentum)

    return change


HEALTHY = [dropping(0.0), dropping(0.5), dropping(0.7), normalising(0.1), normalising(None)]


@pytest.mark.parametrize("change", HEALTHY, ids=["none", "half", "most", "momentum", "cumulative"])
def test_usual_settings_are_healthy(judge: Callable[..., list[Finding]], change: Callable[[Any], None]) -> None:
    assert judge(change) == []


def test_a_share_to_keep_is_found(judge: Callable[..., list[Finding]]) -> None:
    (finding,) = judge(dropping(0.9))
    assert (finding.expected, finding.observed) == (
        "at most 70% of the values dropped (dropout)",
        "dropout 0.9 in dropout",
    )


def test_a_momentum_of_another_framework_is_found(judge: Callable[..., list[Finding]]) -> None:
    (finding,) = judge(normalising(0.99))
    assert finding.observed == "momentum 0.99 in norm"


def test_an_encoder_that_is_a_decoder_is_found(judge: Callable[..., list[Finding]]) -> None:
    def decode(model: Any) -> None:
        model.config.is_decoder = True

    (finding,) = judge(decode)
    assert finding.observed == "is_decoder = True of a bert model: the first token, which its head reads, sees no other"


# -- dropout in train mode ---------------------------------------------------------------------------------------------


def test_train_without_effect_is_found(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        model.train = lambda mode=True: model  # noqa: ARG005 - the fault: it takes no notice

    evidence = changed(parts, change)
    assert red(evidence) == {"train_mode_drops"}
    (finding,) = judge_forward("train_mode_drops", evidence)
    assert finding.expected.startswith("other logits in each forward pass in train mode: ")
    assert finding.observed.endswith("0 of these modules are in train mode")


def test_model_without_dropout_is_not_judged(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0

    with pytest.raises(NotApplicable, match="no dropout above 0"):
        judge_forward("train_mode_drops", changed(parts, change))


def test_frozen_part_may_stay_in_evaluation_mode(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        model.bert.requires_grad_(requires_grad=False)
        model.dropout = nn.Identity()
        train = model.train

        def train_head_only(mode: bool = True) -> Any:  # noqa: FBT001, FBT002 - as nn.Module has it
            train(mode)
            model.bert.eval()
            return model

        model.train = train_head_only

    with pytest.raises(NotApplicable, match="beside weights that are trained"):
        judge_forward("train_mode_drops", changed(parts, change))
