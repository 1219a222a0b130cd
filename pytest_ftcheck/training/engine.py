"""The interface of an engine, which trains a pipeline and returns an `Outcome`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from pytest_ftcheck.errors import TaskError, unknown
from pytest_ftcheck.extensions import extensions, load_extension

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.training.recorder import StepRecorder

_MODULES = {"trainer": "pytest_ftcheck.training.trainer", "manual": "pytest_ftcheck.training.manual"}


@dataclass(frozen=True)
class Outcome:
    """The result of an engine."""

    model: PreTrainedModel
    """Model with the kept weights."""
    epochs: tuple[Mapping[str, float], ...]
    best_epoch: int | None
    log_history: tuple[Mapping[str, float], ...]
    logits: NDArray[np.float32]
    """Logits, ``[N, K]``, in the order of the evaluation data set."""
    label_ids: NDArray[Any]
    """Labels, ``[N, …]``, in the same order."""
    metrics: Mapping[str, float]
    """Metrics of the kept weights, with ``loss``."""
    timings: Mapping[str, float]
    """Durations in seconds: ``train`` and ``predict``."""
    save: Callable[[Path], object]
    """Saves model and tokenizer into a folder, in the usual way of this engine."""
    unjudged: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metrics of the other evaluation sets of a user's Trainer, by the name of the set."""
    more: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Further outputs of the head by name, one row for each evaluated row."""


class Engine(Protocol):
    """Trains a pipeline; each engine is a module, found by name."""

    def __call__(
        self, pipeline: Pipeline, args: TrainingArguments, recorder: StepRecorder, trainer: Trainer | None
    ) -> Outcome:
        """Fine-tune and evaluate, and report everything to the recorder; a user's Trainer has its own parts."""


def load_engine(name: str) -> Engine:
    """Return the engine of this name, built-in or from an entry point.

    Raises:
        TaskError: unknown engine.

    """
    engine: Engine
    if name in _MODULES:
        engine = import_module(_MODULES[name]).train
    elif name in extensions("engines"):
        engine = load_extension("engines", name)
    else:
        raise TaskError(unknown("engine", name, [*_MODULES, *extensions("engines")]))
    return engine


def save(model: PreTrainedModel, processing_class: PreTrainedTokenizerBase | None, folder: Path) -> None:
    """Save the model and its tokenizer for serving."""
    model.save_pretrained(folder)
    if processing_class is not None:
        processing_class.save_pretrained(folder)


class Stopwatch:
    """Measures seconds between calls."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last call, or since the start."""
        before, self._last = self._last, time.perf_counter()
        return self._last - before
