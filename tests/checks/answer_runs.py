"""Runs of question answering that nobody trained: their logits are made up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.columns import label_values
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.pipeline.parts import Pipeline

CPU = describe_environment("cpu", "float32", threads=1)


def logits_of_labels(pipeline: Pipeline, height: float = 10.0) -> NDArray[np.float32]:
    """Return logits ``[N, T, 2]`` that are highest at the labelled tokens."""
    labels = np.asarray(label_values(pipeline.eval_dataset))
    width = len(pipeline.eval_dataset[0]["input_ids"])
    logits = np.zeros((len(labels), width, 2), np.float32)
    for end in range(2):
        logits[np.arange(len(labels)), labels[:, end], end] = height
    return logits


def outputs_of(pipeline: Pipeline, logits: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return what a run holds of these logits."""
    rules, card = pipeline.card.head_rules.answers, pipeline.card
    assert rules is not None
    made = rules.outputs(
        logits, pipeline.eval_dataset, pipeline.data.evaluation, card.text_columns[-1], card.label_column
    )
    return {**made, "logits": logits, "labels": np.asarray(label_values(pipeline.eval_dataset))}


def evidence_of(
    pipeline: Pipeline,
    outputs: dict[str, NDArray[Any]] | None = None,
    metrics: dict[str, float] | None = None,
    folder: Path = Path(),
) -> Evidence:
    """Return the evidence of a run with these outputs; without any, a check must not ask for the run."""
    run = (
        None
        if outputs is None
        else Run(
            task=pipeline.card.name,
            engine="trainer",
            seed=0,
            head=pipeline.card.head,
            checkpoint="tiny-bert",
            metrics=metrics or {},
            epochs=(),
            best_epoch=None,
            step_losses=(),
            log_history=(),
            outputs=outputs,
            train_rows=len(pipeline.train_dataset),
            timings={},
            environment=CPU,
            trace=Trace(),
            folder=folder,
        )
    )
    return Evidence(
        pipeline,
        engine="trainer",
        seed=0,
        environment=CPU,
        make_run=lambda: pytest.fail("a free check must not train") if run is None else run,
        make_probe=lambda **_: pytest.fail("nothing trains"),
    )
