"""A run as an entry of the summary and the JSON document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run that a test looked at."""

    task: str
    """Name of the task."""
    engine: str
    """That trained."""
    seed: int
    """That was trained with."""
    tier: str
    """Of the data and checkpoints, as cards name it."""
    checkpoint: str
    """Its name."""
    parameters: int
    """Of the model."""
    data: str
    """Where they come from."""
    synthetic: bool
    """The data are bundled and made up."""
    evaluation_split: str
    """Its name."""
    train_rows: int
    """Of the training split."""
    rows: int
    """That were evaluated."""
    logits_shape: list[int]
    """Rows first."""
    metrics: dict[str, float]
    """By key, of the weights that were kept."""
    unjudged: dict[str, dict[str, float]]
    """Metrics of evaluation sets that have no gates, by set."""
    epochs: list[dict[str, float]]
    """After each one: ``epoch``, ``step``, ``loss`` and the metrics, on the evaluation split."""
    best_epoch: int | None
    """Counted from 1, where the weights of the best epoch were kept; null where those of the last one were."""
    recipe: dict[str, str]
    """Training arguments, as Python writes their values."""
    timings: dict[str, float]
    """Seconds, by phase."""
    environment: dict[str, str]
    """Versions, device, dtype and what else a result depends on, with ``kernels``, ``deterministic`` and
    ``cpu_capability``."""
    reused: bool
    """It was not trained in this session."""
    folder: str
    """It holds the model and what else the run left."""


def run_name(run: Run) -> str:
    """Name a run: one of the same task, engine and seed with other hyperparameters has another name."""
    return f"{run.task}/{run.engine}/{run.seed}/{run.folder.name}"


def run_record(run: Run, pipeline: Pipeline) -> RunRecord:
    """Say what a run was made of, and what came out."""
    return RunRecord(
        task=run.task,
        engine=run.engine,
        seed=run.seed,
        tier=pipeline.tier,
        checkpoint=run.checkpoint,
        parameters=pipeline.checkpoint.parameters,
        data=pipeline.data.source,
        synthetic=pipeline.data.synthetic,
        evaluation_split=pipeline.data.evaluation_split,
        train_rows=run.train_rows,
        rows=len(run.label_ids),
        logits_shape=list(run.logits.shape),
        metrics=dict(run.metrics),
        unjudged={name: dict(values) for name, values in run.unjudged.items()},
        epochs=[dict(epoch) for epoch in run.epochs],
        best_epoch=run.best_epoch,
        recipe={name: repr(value) for name, value in pipeline.args.items()},
        timings=dict(run.timings),
        environment=dict(run.environment),
        reused=run.reused,
        folder=str(run.folder),
    )
