"""The place in the user's code that a failed check is about: collator, metric function, method, class or factory."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.report.records import SourceRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ftcheck.pipeline.parts import Pipeline

_OF_OTHERS = frozenset({"site-packages", "dist-packages"})
_OF_METRICS = frozenset(
    {
        "metrics.keys",
        "metrics.recomputed",
        "metrics.definition",
        "metrics.label_threshold",
        "metrics.best_windows",
        "metrics.answers_recomputed",
        "metrics.tag_sequences",
    }
)
"""Checks of what ``compute_metrics`` does."""
_METHODS: Mapping[str, tuple[str, ...]] = {
    "training.optimizer_groups": ("create_optimizer", "get_decay_parameter_names", "create_optimizer_and_scheduler"),
    "training.optimizer_settings": ("create_optimizer", "create_optimizer_and_scheduler"),
    "training.schedule": ("create_scheduler", "create_optimizer_and_scheduler"),
    "training.learning_rate": ("create_scheduler", "create_optimizer", "create_optimizer_and_scheduler"),
    "training.rows_once": ("get_train_dataloader", "_get_train_sampler"),
    "training.shuffled": ("get_train_dataloader", "_get_train_sampler"),
    "training.workers": ("get_train_dataloader",),
    "training.class_weights": ("compute_loss",),
    "training.loss_extremes": ("compute_loss",),
    "training.accumulation": ("training_step", "compute_loss"),
    "training.gradients_cleared": ("training_step",),
    "training.eval_mode": ("prediction_step", "evaluation_loop", "evaluate"),
    "training.evaluations": ("evaluate",),
    "model.loss_rows": ("compute_loss",),
    "model.loss_at_start": ("compute_loss",),
    "model.label_ids": ("prediction_step", "evaluation_loop"),
    "metrics.loss_agrees": ("compute_loss", "prediction_step"),
    "metrics.evaluated_rows": ("get_eval_dataloader", "evaluation_loop", "prediction_step"),
    "serving.reload": ("save_model", "_save"),
}
"""Methods of a Trainer that a check is about; the first of them that the user's class has counts."""


def place_of(check: str, pipeline: Pipeline, rootdir: Path) -> SourceRecord | None:
    """Return the place in the user's project that a check is about; None where no code of the project has a part.

    Args:
        check: id of the failed check.
        pipeline: parts of the task.
        rootdir: root folder of the project; code outside of it, and of installed packages, has no place.

    """
    for part in _candidates(check, pipeline, rootdir):
        if (place := _place(part, rootdir)) is not None:
            return place
    return None


def _candidates(check: str, pipeline: Pipeline, rootdir: Path) -> Iterator[Any]:
    """Yield the objects that a check may be about, the most likely one first."""
    own = pipeline.source.own
    if check.startswith("collator."):
        yield pipeline.data_collator
    if check in _OF_METRICS:
        yield pipeline.compute_metrics
    if check == "metrics.answers_decoded":
        yield own.post_process_function
    for name in own.methods(*_METHODS.get(check, ())):
        yield getattr(own.trainer_class, name, None)
    if check.startswith("model."):
        yield own.model_class
    if check.startswith("training."):
        yield own.trainer_class
    if pipeline.source.spec:
        from pytest_ftcheck.pipeline.factory import load_factory  # noqa: PLC0415 - only for a user's Trainer

        try:
            yield load_factory(pipeline.source.spec, rootdir)
        except FtcheckError:  # it was imported before; whatever it does now, there is no place
            return


def _place(part: Any, rootdir: Path) -> SourceRecord | None:
    """Return where an object, or its class, is defined; None where that is not in the project."""
    definition = inspect.unwrap(part) if callable(part) else part
    definition = getattr(definition, "func", definition)  # of functools.partial
    if not (inspect.isclass(definition) or inspect.isroutine(definition)):
        definition = type(definition)
    try:
        file = Path(inspect.getsourcefile(definition) or "").resolve()
        line = inspect.getsourcelines(definition)[1]
        inside = file.relative_to(rootdir.resolve())
    except (OSError, TypeError, ValueError):
        return None
    if _OF_OTHERS & set(file.parts) or Path(__file__).resolve().parents[1] in file.parents:
        return None
    return SourceRecord(file=inside.as_posix(), line=max(line, 1), name=definition.__qualname__)
