"""What an engine is, and how a run is made with one."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from accelerate.state import AcceleratorState, GradientState

from pytest_ftcheck.errors import CheckFailure, TaskError, unknown
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.runs.run import MODEL_FOLDER, Run
from pytest_ftcheck.training.determinism import reproducible
from pytest_ftcheck.training.recipe import training_arguments
from pytest_ftcheck.training.recorder import ProgressListener, StepRecorder, silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline

_MODULES = {"trainer": "pytest_ftcheck.training.trainer", "manual": "pytest_ftcheck.training.manual"}


@dataclass(frozen=True)
class Outcome:
    """What an engine hands back."""

    model: PreTrainedModel
    """With the weights that were kept."""
    epochs: tuple[Mapping[str, float], ...]
    best_epoch: int | None
    log_history: tuple[Mapping[str, float], ...]
    logits: NDArray[np.float32]
    """``[N, K]`` in the order of the evaluation data set."""
    label_ids: NDArray[Any]
    metrics: Mapping[str, float]
    """Of the kept weights, with ``loss``."""
    timings: Mapping[str, float]
    """Seconds: ``train`` and ``predict``."""


class Engine(Protocol):
    """Trains a pipeline; one module each, found by name."""

    def __call__(self, pipeline: Pipeline, args: TrainingArguments, recorder: StepRecorder) -> Outcome:
        """Fine-tune and evaluate, with every optimizer step told to the recorder."""


def load_engine(name: str) -> Engine:
    """Return the engine of this name.

    Raises:
        TaskError: there is none.

    """
    if name not in _MODULES:
        raise TaskError(unknown("engine", name, _MODULES))
    engine: Engine = import_module(_MODULES[name]).train
    return engine


def train_run(
    pipeline: Pipeline,
    *,
    engine: str,
    seed: int,
    environment: Mapping[str, str],
    folder: Path,
    listener: ProgressListener = silent,
) -> Run:
    """Fine-tune once and write everything that came out into a folder.

    Args:
        pipeline: the parts.
        engine: ``trainer`` or ``manual``.
        seed: of initialisation, order and dropout.
        environment: as `describe_environment` gives it: device and threads are taken from it.
        folder: empty; receives ``model/`` and the record of the run.
        listener: told after every optimizer step.

    Raises:
        TaskError: an unknown engine or hyperparameter.
        CheckFailure: the loss was not finite, or the evaluation did not give one row of logits per row of data.

    """
    train = load_engine(engine)
    title = f"{pipeline.card.name} · {engine} · seed {seed}"
    recorder = StepRecorder(title, f"{pipeline.subject}, engine {engine}, seed {seed}", listener)
    scratch = folder / "scratch"
    # Accelerate keeps device and precision of the first run for the whole process: each run starts anew.
    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 - no public way, and its own tests do so
    GradientState._reset_state()  # noqa: SLF001 - as above
    with quiet_libraries(), reproducible(int(environment["threads"])):
        args = training_arguments(pipeline, seed=seed, device=environment["device"], output_dir=scratch)
        outcome = train(pipeline, args, recorder)
        recorder.flush()
        _check_rows(pipeline, outcome, recorder.subject)
        outcome.model.save_pretrained(folder / MODEL_FOLDER)
        pipeline.processing_class.save_pretrained(folder / MODEL_FOLDER)
    shutil.rmtree(scratch, ignore_errors=True)
    run = Run(
        task=pipeline.card.name,
        engine=engine,
        seed=seed,
        head=pipeline.card.head,
        checkpoint=pipeline.checkpoint.name,
        metrics=outcome.metrics,
        epochs=outcome.epochs,
        best_epoch=outcome.best_epoch,
        step_losses=tuple(recorder.losses),
        log_history=outcome.log_history,
        logits=outcome.logits,
        label_ids=outcome.label_ids,
        train_rows=len(pipeline.train_dataset),
        timings=outcome.timings,
        environment=environment,
        folder=folder,
    )
    run.write()
    return run


def _check_rows(pipeline: Pipeline, outcome: Outcome, subject: str) -> None:
    """Fail closed where the evaluation lost or repeated rows, before anything is judged on it."""
    expected = (len(pipeline.eval_dataset), pipeline.card.num_labels)
    if outcome.logits.shape != expected or outcome.label_ids.shape != expected[:1]:
        finding = Finding(
            check="model.logits_shape",
            subject=subject,
            expected=f"logits {expected} and label ids ({expected[0]},): one row per row of the evaluation data set",
            observed=f"logits {outcome.logits.shape} and label ids {outcome.label_ids.shape}",
            hint="look for a collator that drops rows, a last batch that is left out, or a head of another size.",
        )
        raise CheckFailure([finding])


class Stopwatch:
    """Seconds between calls."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap, or since the start."""
        before, self._last = self._last, time.perf_counter()
        return self._last - before
