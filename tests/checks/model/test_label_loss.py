"""The labels of a row do not take anything from each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from tests.checks.conftest import CPU

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

CHECK = "model.labels_compete"


def evidence_of(pipeline: Pipeline, change: Callable[[Any], object]) -> Evidence:
    changed = replace(pipeline, model_init=ChangedModel(pipeline.model_init, change))
    return Evidence(
        changed,
        engine="manual",
        seed=0,
        environment=CPU,
        make_run=lambda: pytest.fail("trains"),
        make_probe=pytest.fail,
    )


def judged(pipeline: Pipeline, change: Callable[[Any], object]) -> list[Finding]:
    return run_check(catalogue()[CHECK], evidence_of(pipeline, change))


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("go_emotions", train_rows=8, eval_rows=8)


def of_logits(loss: Callable[[Any, Any], Any]) -> Callable[[Any], None]:
    """Change a model so that its own loss is another one."""

    def replaced(module: Any, args: Any, inputs: Any, output: Any) -> Any:
        del module, args
        output.loss = loss(output.logits, inputs["labels"])
        return output

    return lambda model: model.register_forward_hook(replaced, with_kwargs=True)


def focal(logits: Any, labels: Any) -> Any:
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return ((1 - torch.exp(-each)) ** 2 * each).sum(dim=1).mean()


def test_binary_cross_entropy_and_its_like_pass(pipeline: Pipeline) -> None:
    assert judged(pipeline, lambda _: None) == []
    assert judged(pipeline, of_logits(focal)) == []


def test_a_softmax_over_the_labels_is_named(pipeline: Pipeline) -> None:
    (found,) = judged(pipeline, of_logits(torch.nn.functional.cross_entropy))
    assert found.expected == "a loss that changes when all logits of a row rise by 2"
    assert found.observed.endswith("the labels share one softmax")


def test_a_loss_that_fails_is_not_judged(pipeline: Pipeline) -> None:
    def declare(model: Any) -> None:
        model.config.problem_type = "single_label_classification"

    with pytest.raises(NotApplicable, match="the loss of a batch fails"):
        judged(pipeline, declare)


def test_a_loss_of_something_else_is_not_judged(pipeline: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="the loss does not change with a logit of that layer"):
        judged(pipeline, of_logits(lambda logits, labels: labels.sum() + 0 * logits.sum()))
