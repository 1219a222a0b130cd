"""Parts that the tests of several families share."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from scipy import special

from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.serving import fresh, fresh_script
from pytest_ftcheck.pipeline.parts import Pipeline
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

CPU = describe_environment("cpu", "float32", threads=1)
_OF_PIPELINE = {spec.name for spec in fields(Pipeline)}


@pytest.fixture(scope="session")
def scored_evidence(make_pipeline: Callable[..., Pipeline]) -> Callable[..., Evidence]:
    """Return a function that makes the evidence of a run with given labels ``[N]`` and logits ``[N, K]``.

    Nothing is trained. One column takes the parts of stsb, others those of mrpc, with as many classes. Further
    arguments are fields of the pipeline or of the run; metrics are loss and accuracy, or loss and correlation.
    """
    parts = {task: make_pipeline(task, train_rows=8, eval_rows=8) for task in ("mrpc", "stsb")}

    def make(labels: Sequence[float] | NDArray[Any], logits: Any, /, **changes: Any) -> Evidence:
        logits, labels = np.asarray(logits, np.float32), np.asarray(labels)
        width = logits.shape[1] if logits.ndim > 1 else 2
        pipeline = parts["stsb" if width == 1 else "mrpc"]
        names = tuple(f"class {index}" for index in range(width)) if width > 2 else pipeline.card.label_names
        rows = Dataset.from_dict({"input_ids": [[5, 6 + index] for index in range(len(labels))], "labels": labels})
        pipeline = replace(pipeline, card=replace(pipeline.card, label_names=names), eval_dataset=rows, args={})
        pipeline = replace(pipeline, **{name: value for name, value in changes.items() if name in _OF_PIPELINE})
        run = Run(
            task=pipeline.card.name,
            engine="trainer",
            seed=0,
            head=pipeline.card.head,
            checkpoint="tiny-bert",
            metrics=known_metrics(labels, logits),
            epochs=(),
            best_epoch=None,
            step_losses=(),
            log_history=(),
            logits=logits,
            label_ids=labels.astype(np.float32 if width == 1 else np.int64),
            train_rows=8,
            timings={},
            environment=CPU,
            trace=Trace(),
            folder=Path(),
        )
        run = replace(run, **{name: value for name, value in changes.items() if name not in _OF_PIPELINE})
        return Evidence(pipeline, engine="trainer", seed=0, environment=CPU, make_run=lambda: run, make_probe=_no_probe)

    return make


def _no_probe(**_: Any) -> Any:
    pytest.fail("this check needs no training of its own")


def known_metrics(labels: NDArray[Any], logits: NDArray[Any]) -> dict[str, float]:
    """Loss and accuracy, or loss and Pearson's correlation."""
    if logits.ndim == 1:
        return {"accuracy": float(np.mean(logits == labels))}
    if logits.shape[1] == 1:
        pearson = float(np.corrcoef(logits[:, 0], labels)[0, 1]) if np.ptp(logits) else float("nan")
        return {"loss": float(np.mean((logits[:, 0] - labels) ** 2)), "pearson": pearson}
    valid = (labels >= 0) & (labels < logits.shape[1])
    logs = special.log_softmax(logits[valid].astype(float), axis=1)
    loss = -float(np.mean(logs[np.arange(len(logs)), labels[valid].astype(int)]))
    return {"loss": loss, "accuracy": float(np.mean(logits.argmax(axis=1) == labels))}


# -- runs that were saved ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def saved_pipelines(make_pipeline: Callable[..., Pipeline]) -> dict[str, Pipeline]:
    """Pipelines of a pair task and of a regression, over a few rows."""
    return {task: make_pipeline(task, train_rows=8, eval_rows=40) for task in ("mrpc", "stsb")}


@pytest.fixture(scope="session")
def saved_runs(saved_pipelines: dict[str, Pipeline], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Their runs, of a step or two."""
    return {
        task: train_run(pipeline, engine="manual", seed=0, environment=CPU, folder=tmp_path_factory.mktemp(task))
        for task, pipeline in saved_pipelines.items()
    }


@pytest.fixture
def saved_evidence(
    saved_pipelines: dict[str, Pipeline], saved_runs: dict[str, Run], tmp_path: Path
) -> Callable[..., Evidence]:
    """Return a function that makes the evidence of a saved run, or of a copy with a defect planted in its folder.

    Further arguments are fields of the pipeline.
    """

    def make(
        task: str, defect: Callable[[Run], object] | None = None, run: Run | None = None, **changes: Any
    ) -> Evidence:
        judged = run or saved_runs[task]
        if defect is not None:
            judged = replace(judged, folder=shutil.copytree(judged.folder, tmp_path / task))
            defect(judged)
        pipeline = replace(saved_pipelines[task], **changes)
        return Evidence(
            pipeline, engine="manual", seed=0, environment=CPU, make_run=lambda: judged, make_probe=_no_probe
        )

    return make


@pytest.fixture
def _served_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve in this process: the script is the same, and seconds are saved."""
    threads = torch.get_num_threads()

    class InThisProcess:
        def serve(self, folder: Path, seconds: float | None) -> str:
            assert seconds is None
            fresh_script.serve(folder)
            return ""

    monkeypatch.setattr(fresh, "fresh_process", InThisProcess)
    yield
    torch.set_num_threads(threads)


# -- any number of labels in each row ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def label_set_evidence(make_pipeline: Callable[..., Pipeline]) -> Callable[..., Evidence]:
    """Return a function that makes the evidence of a run with given labels and logits, both ``[N, K]``.

    Nothing is trained; the train rows have the same labels unless ``train`` gives others. Further arguments are fields
    of the pipeline.
    """
    parts = make_pipeline("go_emotions", train_rows=8, eval_rows=8)

    def make(labels: Any, logits: Any, train: Any = None, /, **changes: Any) -> Evidence:
        labels, logits = np.asarray(labels, np.float32), np.asarray(logits, np.float32)
        names = tuple(f"label {index}" for index in range(logits.shape[1]))

        def rows(given: Any) -> Dataset:
            vectors = np.asarray(given, np.float32).tolist()
            return Dataset.from_dict({"input_ids": [[5, 6 + row] for row in range(len(vectors))], "labels": vectors})

        evaluation, known = rows(labels), rows(labels if train is None else train)
        card = replace(parts.card, label_names=names)
        data = replace(parts.data, train=known, evaluation=evaluation)
        pipeline = replace(parts, card=card, data=data, train_dataset=known, eval_dataset=evaluation, args={})
        pipeline = replace(pipeline, **changes)
        run = Run(
            task=card.name,
            engine="trainer",
            seed=0,
            head=card.head,
            label_names=names,
            checkpoint="tiny-bert",
            metrics={},
            epochs=(),
            best_epoch=None,
            step_losses=(),
            log_history=(),
            logits=logits,
            label_ids=labels,
            train_rows=8,
            timings={},
            environment=CPU,
            trace=Trace(),
            folder=Path(),
        )
        return Evidence(pipeline, engine="trainer", seed=0, environment=CPU, make_run=lambda: run, make_probe=_no_probe)

    return make
