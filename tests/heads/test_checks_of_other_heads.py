"""Checks of metrics, loss and training over a head without one label a row: they ask the head."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.training.overfitting import distinct_rows
from pytest_ftcheck.heads import registry
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.heads.head import Head
    from pytest_ftcheck.pipeline.parts import Pipeline

    MakeEvidence = Callable[..., Evidence]

CPU = describe_environment("cpu", "float32", threads=1)
LABELS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0], [1, 1, 1]], np.float32)
LOGITS = np.where(LABELS > 0, 2.0, -2.0).astype(np.float32)
LOGITS[0] = [-1, 1, -3]
"""The first row is wrong."""
F1 = 2 * 7 / (8 + 8)
"""7 labels of 8 are found, and 8 are predicted."""


@pytest.fixture(scope="module")
def tags() -> Iterator[Head]:
    """The head of `multi_label.py`, as if it were installed."""
    spec = importlib.util.spec_from_file_location("tags_of_this_test", Path(__file__).with_name("multi_label.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        patch.setitem(registry._MODULES, "tags", spec.name)
        yield module.HEAD
    registry.head_named.cache_clear()


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline], tags: Head) -> Pipeline:
    """Six rows with the labels above, for training and evaluation."""
    sst2 = make_pipeline("sst2", train_rows=8, eval_rows=8)
    tokens = [[2, 10 + row, 3] for row in range(len(LABELS))]
    rows = Dataset.from_dict({"input_ids": tokens, "labels": LABELS.tolist()})
    card = replace(sst2.card, head=tags.name, label_names=("food", "film", "trade"))
    return replace(sst2, card=card, train_dataset=rows, eval_dataset=rows, compute_metrics=None)


@pytest.fixture(scope="module")
def make_evidence(pipeline: Pipeline, tags: Head) -> MakeEvidence:
    """Return a function that makes the evidence of a run; further arguments are its metrics, as they are reported."""

    def make(logits: Any = LOGITS, probe: Any = None, **metrics: float) -> Evidence:
        loss = float(tags.loss(torch.as_tensor(LOGITS), torch.as_tensor(LABELS)))
        run = Run(
            task="sst2",
            engine="trainer",
            seed=0,
            head=tags.name,
            checkpoint="tiny-bert",
            metrics={"loss": loss, "micro_f1": F1, **metrics},
            epochs=(),
            best_epoch=None,
            step_losses=(),
            log_history=(),
            logits=logits,
            label_ids=LABELS,
            train_rows=6,
            timings={},
            environment=CPU,
            trace=Trace(),
            folder=Path(),
        )
        made: dict[str, Any] = {"engine": "trainer", "seed": 0, "environment": CPU}
        return Evidence(pipeline, **made, make_run=lambda: run, make_probe=lambda **_: probe)

    return make


def judge(check: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[check], evidence)


@pytest.mark.parametrize("check", ["metrics.recomputed", "metrics.loss_agrees"])
def test_a_healthy_run_is_asked_and_passes(make_evidence: MakeEvidence, check: str) -> None:
    assert judge(check, make_evidence()) == []


def test_a_metric_that_is_not_that_of_the_logits_is_found(make_evidence: MakeEvidence) -> None:
    (finding,) = judge("metrics.recomputed", make_evidence(micro_f1=0.95))
    assert finding.expected == "micro_f1 = 0.8750, as head 'tags' computes it from the logits and label ids of 6 rows"
    assert finding.observed == "0.95 was reported"


def test_a_metric_that_the_head_does_not_know_is_let_through(make_evidence: MakeEvidence) -> None:
    evidence = make_evidence(exact=0.1)
    assert judge("metrics.recomputed", evidence) == []
    del evidence.run.metrics["micro_f1"]  # type: ignore[attr-defined]  # a dict here
    with pytest.raises(NotApplicable, match="no metric of a known name"):
        judge("metrics.recomputed", evidence)


def test_a_loss_that_is_not_that_of_the_logits_is_found(make_evidence: MakeEvidence) -> None:
    (finding,) = judge("metrics.loss_agrees", make_evidence(loss=0.9))
    assert ", the mean binary cross entropy of the logits of 6 rows, within 0.001" in finding.expected
    assert finding.observed == "0.9"


@pytest.mark.parametrize("check", ["metrics.recomputed", "metrics.loss_agrees"])
def test_logits_of_another_shape_are_told_by_their_own_check(make_evidence: MakeEvidence, check: str) -> None:
    with pytest.raises(ReportedBy, match=r"logits of shape \(5, 3\), expected \(6, 3\)") as told:
        judge(check, make_evidence(LOGITS[:5]))
    assert told.value.check == "model.logits_shape"


def test_rows_with_different_sets_of_labels_are_learned_by_heart(make_evidence: MakeEvidence) -> None:
    evidence = make_evidence()
    rows = distinct_rows(evidence, 4)
    assert len({tuple(LABELS[row]) for row in rows}) == 4
    rows = distinct_rows(evidence, 8)
    learned = SimpleNamespace(losses=(0.7, 0.1), logits=np.where(LABELS[rows] > 0, 3, -3).astype(np.float32))
    assert judge("training.overfits_batch", make_evidence(probe=learned)) == []


def test_rows_that_are_not_learned_are_found_though_the_training_loss_falls(make_evidence: MakeEvidence) -> None:
    apart = SimpleNamespace(losses=(0.7, 0.001), logits=np.zeros_like(LOGITS))
    (finding,) = judge("training.overfits_batch", make_evidence(probe=apart))
    assert finding.expected == "6 rows learned by heart in 30 steps"
    assert "binary cross entropy 0.6931 (the best constant: 0." in finding.observed
    assert finding.observed.endswith("training loss from 0.7000 to 0.0010")
