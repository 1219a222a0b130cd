"""Sends a document to an experiment tracker: each run of the session becomes a run of Trackio or MLflow.

Nothing is sent by a session itself, and neither package is imported by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.report.json import json_text
from pytest_ftcheck.report.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_ftcheck.gates.records import GateRecord
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.runs import RunRecord

_NOT_IN_MLFLOW = re.compile(r"[^\w\-. :/]")
"""Characters that names of MLflow must not have."""
_LONGEST_PARAMETER = 6000
"""Number of characters that MLflow stores of a parameter."""
_MOST_PARAMETERS = 100
"""Number of parameters that MLflow takes in one request."""
_MOST_METRICS = 1000
"""Number of metrics that MLflow takes in one request."""


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """What a tracker gets of one run."""

    name: str
    """Task, engine and seed; the task alone where the session used no run of it."""
    failed: bool
    """True if the session failed."""
    parameters: dict[str, str]
    """Recipe, environment, and the command of the session."""
    metrics: dict[str, float]
    """Metrics, limits, intervals, slices, durations in seconds, and the number of failed checks of the task."""
    steps: list[tuple[int, dict[str, float]]]
    """Values by optimizer step: ``train/loss``, and the metrics of each epoch."""


def tracked_runs(document: Document) -> list[TrackedRun]:
    """Return the runs of a document in its order, then tasks without a run."""
    found = [_of_run(document, run) for run in document.runs]
    without = [task for task in document.tasks if all(run.task != task for run in document.runs)]
    return found + [
        TrackedRun(
            name=task,
            failed=_failed(document),
            parameters=_of_session(document),
            metrics={"checks_failed": _failed_checks(document, task)},
            steps=[],
        )
        for task in without
    ]


def send_to_trackio(document: Document, project: str) -> list[str]:
    """Log a document to a project of Trackio, by its own settings (``TRACKIO_DIR``, ``TRACKIO_SPACE_ID``).

    Returns:
        A line for each run.

    Raises:
        DataError: Trackio is not installed.

    """
    trackio, runs = _module("trackio"), tracked_runs(document)
    for run in runs:
        config = {**run.parameters, "verdict": "failed" if run.failed else "passed"}
        # Without watching the machine: the training is over.
        trackio.init(project, name=run.name, config=config, embed=False, auto_log_gpu=False, auto_log_cpu=False)
        last = max((step for step, _ in run.steps), default=0)
        for step, values in run.steps:
            trackio.log(values, step=step)
        trackio.log(run.metrics, step=last)
        trackio.finish()
    return [f"trackio: {run.name} in project {project}" for run in runs]


def send_to_mlflow(document: Document, experiment: str) -> list[str]:
    """Log a document to an experiment of MLflow, by its own settings (``MLFLOW_TRACKING_URI``).

    Document and Markdown are artifacts of each run. A run of a failed session has the status ``FAILED``.

    Returns:
        A line for each run.

    Raises:
        DataError: MLflow is not installed.

    """
    mlflow, runs = _module("mlflow"), tracked_runs(document)
    entities: Any = import_module("mlflow.entities")
    client, started = mlflow.MlflowClient(), round(document.started * 1000)
    ended = started + round(document.seconds * 1000)
    known = client.get_experiment_by_name(experiment)
    number = client.create_experiment(experiment) if known is None else known.experiment_id
    for run in runs:
        made = client.create_run(number, start_time=started, run_name=run.name).info.run_id
        last = max((step for step, _ in run.steps), default=0)
        metrics = [
            entities.Metric(_NOT_IN_MLFLOW.sub("_", key), value, ended, step)
            for step, values in [*run.steps, (last, run.metrics)]
            for key, value in values.items()
        ]
        parameters = [
            entities.Param(_NOT_IN_MLFLOW.sub("_", key), value[:_LONGEST_PARAMETER])
            for key, value in run.parameters.items()
        ]
        for start in range(0, len(parameters), _MOST_PARAMETERS):
            client.log_batch(made, params=parameters[start : start + _MOST_PARAMETERS])
        for start in range(0, len(metrics), _MOST_METRICS):
            client.log_batch(made, metrics=metrics[start : start + _MOST_METRICS])
        client.log_text(made, json_text(document), "ftcheck.json")
        client.log_text(made, markdown(document), "ftcheck.md")
        client.set_terminated(made, status="FAILED" if run.failed else "FINISHED", end_time=ended)
    return [f"mlflow: {run.name} in experiment {experiment}" for run in runs]


TRACKERS: Mapping[str, Callable[[Document, str], list[str]]] = MappingProxyType(
    {"trackio": send_to_trackio, "mlflow": send_to_mlflow}
)
"""Function of each tracker, which takes a document and the name of a project or an experiment."""


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        msg = f"--{name} needs the package {name}: pip install 'pytest-ftcheck[{name}]'."
        raise DataError(msg) from error


def _of_run(document: Document, run: RunRecord) -> TrackedRun:
    metrics = dict(run.metrics)
    for gate in document.gates:
        if _is_of(gate, run):
            metrics |= _of_gate(gate)
    metrics |= {f"seconds/{phase}": seconds for phase, seconds in run.timings.items()}
    metrics["checks_failed"] = _failed_checks(document, run.task)
    return TrackedRun(
        name=f"{run.task}-{run.engine}-{run.seed}",
        failed=_failed(document),
        parameters=_of_session(document)
        | {"task": run.task, "engine": run.engine, "seed": str(run.seed), "checkpoint": run.checkpoint}
        | {"data": run.data, "tier": run.tier, "train_rows": str(run.train_rows), "rows": str(run.rows)}
        | {f"recipe/{name}": value for name, value in run.recipe.items()}
        | {f"environment/{name}": value for name, value in run.environment.items()},
        metrics=metrics,
        steps=sorted(_steps(document, run), key=lambda step: step[0]),
    )


def _is_of(gate: GateRecord, run: RunRecord) -> bool:
    """Tell whether a gate judged this run: one of another recipe may have its task, engine and seed."""
    same = (gate.task, gate.engine, gate.seed) == (run.task, run.engine, run.seed)
    return same and (bool(gate.slice) or gate.value == run.metrics.get(gate.metric))


def _of_gate(gate: GateRecord) -> dict[str, float]:
    """Name the values of a gate; what stands before a slash is no name itself: files of MLflow would be folders."""
    name = f"slices/{gate.slice}/{gate.metric}" if gate.slice else gate.metric
    found = {name: gate.value} if gate.slice else {}
    if gate.floor is not None:
        found[f"limits/{name}"] = gate.floor
    if gate.interval is not None:
        found[f"low/{name}"], found[f"high/{name}"] = gate.interval
    return found


def _steps(document: Document, run: RunRecord) -> Iterator[tuple[int, dict[str, float]]]:
    for figures in document.figures:
        if figures.folder == run.folder:
            for step, loss in zip(figures.losses.steps, figures.losses.values, strict=True):
                yield step, {"train/loss": loss}
    for epoch in run.epochs:
        yield int(epoch["step"]), {f"epochs/{name}": value for name, value in epoch.items() if name != "step"}


def _of_session(document: Document) -> dict[str, str]:
    return {"command": document.command} | {f"version/{name}": number for name, number in document.versions.items()}


def _failed(document: Document) -> bool:
    return document.exit_status != 0


def _failed_checks(document: Document, task: str) -> float:
    return float(sum(case.task == task and case.outcome == "failed" for case in document.checks))
