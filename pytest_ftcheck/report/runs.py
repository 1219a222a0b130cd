"""A run as plain values, for the summary and the JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run


def run_name(run: Run) -> str:
    """Name a run: one of the same task, engine and seed with other hyperparameters has another name."""
    return f"{run.task}/{run.engine}/{run.seed}/{run.folder.name}"


def run_record(run: Run, pipeline: Pipeline) -> dict[str, Any]:
    """Say what a run was made of, and what came out."""
    return {
        "task": run.task,
        "engine": run.engine,
        "seed": run.seed,
        "tier": pipeline.tier,
        "checkpoint": run.checkpoint,
        "parameters": pipeline.checkpoint.parameters,
        "data": pipeline.data.source,
        "synthetic": pipeline.data.synthetic,
        "evaluation_split": pipeline.data.evaluation_split,
        "train_rows": run.train_rows,
        "rows": len(run.label_ids),
        "logits_shape": list(run.logits.shape),
        "metrics": dict(run.metrics),
        "unjudged": {name: dict(values) for name, values in run.unjudged.items()},
        "epochs": [dict(epoch) for epoch in run.epochs],
        "best_epoch": run.best_epoch,
        "recipe": {name: repr(value) for name, value in pipeline.args.items()},
        "timings": dict(run.timings),
        "environment": dict(run.environment),
        "reused": run.reused,
        "folder": str(run.folder),
    }
