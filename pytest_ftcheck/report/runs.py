"""A run as an entry of the summary and the JSON document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run that a test used."""

    task: str
    """Name of the task."""
    engine: str
    """Engine that trained."""
    seed: int
    """Seed of the training."""
    tier: str
    """Tier of data and checkpoint, as cards name it."""
    checkpoint: str
    """Name of the checkpoint."""
    parameters: int
    """Number of parameters of the model."""
    data: str
    """Source of the data."""
    synthetic: bool
    """True if the data is bundled and generated."""
    evaluation_split: str
    """Name of the evaluation split."""
    train_rows: int
    """Number of rows of the training split."""
    rows: int
    """Number of evaluated rows."""
    logits_shape: list[int]
    """Shape of the logits, rows first."""
    metrics: dict[str, float]
    """Metrics of the kept weights, by key."""
    unjudged: dict[str, dict[str, float]]
    """Metrics of evaluation sets that have no gates, by set."""
    epochs: list[dict[str, float]]
    """For each epoch, after it: ``epoch``, ``step``, ``loss`` and the metrics, on the evaluation split."""
    best_epoch: int | None
    """Best epoch, counted from 1, where its weights were kept; null where the weights of the last epoch were kept."""
    recipe: dict[str, str]
    """Training arguments, with the ``repr`` of each value."""
    timings: dict[str, float]
    """Durations in seconds, by phase."""
    environment: dict[str, str]
    """Versions, device, dtype and everything else that a result depends on, with ``kernels``, ``deterministic`` and
    ``cpu_capability``."""
    reused: bool
    """True if it was not trained in this session."""
    folder: str
    """Folder with the model and the other files of the run."""


def run_name(run: Run) -> str:
    """Return the name of a run; runs with different hyperparameters have different names."""
    return f"{run.task}/{run.engine}/{run.seed}/{run.folder.name}"


def run_record(run: Run, pipeline: Pipeline) -> RunRecord:
    """Describe the inputs and the results of a run."""
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
