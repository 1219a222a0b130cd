"""Makes a run with an engine: settings, training, evaluation, and all files."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.compat.of_accelerate import reset_state
from pytest_ftcheck.deadline import deadline
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.heads.arrays import has_shape
from pytest_ftcheck.pipeline.quiet import quiet_libraries, warnings_of_a_script
from pytest_ftcheck.runs.environment import PYTORCH_KERNELS
from pytest_ftcheck.runs.run import LABELS, LOGITS, MODEL_FOLDER, Run
from pytest_ftcheck.training.broken import completing
from pytest_ftcheck.training.compilation import own_dynamo_environment
from pytest_ftcheck.training.cpu import fast_cpu
from pytest_ftcheck.training.determinism import deterministic, isolated
from pytest_ftcheck.training.engine import load_engine
from pytest_ftcheck.training.recipe import trainer_and_arguments
from pytest_ftcheck.training.recorder import ProgressListener, StepRecorder, silent
from pytest_ftcheck.training.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.training.engine import Outcome


@contextmanager
def engine_outcome(
    pipeline: Pipeline,
    *,
    engine: str,
    seed: int,
    environment: Mapping[str, str],
    output_dir: Path,
    listener: ProgressListener = silent,
) -> Iterator[tuple[Outcome, StepRecorder]]:
    """Fine-tune once, and yield the outcome while the pipeline's patches and settings are active.

    Args:
        pipeline: the parts.
        engine: ``trainer`` or ``manual``.
        seed: seed of initialisation, order and dropout.
        environment: result of `describe_environment`, which gives device, threads and kernels.
        output_dir: output folder of the engine.
        listener: called after every optimizer step.

    Raises:
        TaskError: unknown engine or hyperparameter.
        CheckFailure: training failed: the loss was not finite, or a part raised an error.

    """
    train = load_engine(engine)
    title = f"{pipeline.card.name} · {engine} · seed {seed}"
    recorder = StepRecorder(
        title, f"{pipeline.subject}, engine {engine}, seed {seed}", listener, Tracer(pipeline.pad_id)
    )
    device = environment["device"]
    # Accelerate keeps device and precision of the first run for the whole process: reset them for each run.
    reset_state()
    with (
        quiet_libraries(),
        isolated(int(environment["threads"])),
        deterministic(wanted=environment["deterministic"] == "yes"),
        fast_cpu(device) if environment["kernels"] != PYTORCH_KERNELS else nullcontext(),
        own_dynamo_environment(),
        warnings_of_a_script() if pipeline.source.trains_as_script else nullcontext(),
        pipeline.patched(),
        recorder.tracer.watching(),
    ):
        trainer, args = trainer_and_arguments(
            pipeline, seed=seed, device=device, output_dir=output_dir, steps=pipeline.args.get("max_steps")
        )
        with completing(recorder.subject, trainer), deadline(pipeline.timeout):
            outcome = train(pipeline, args, recorder, trainer)
        recorder.flush()
        yield outcome, recorder


def train_run(
    pipeline: Pipeline,
    folder: Path,
    *,
    engine: str,
    seed: int,
    environment: Mapping[str, str],
    listener: ProgressListener = silent,
) -> Run:
    """Fine-tune once and write all results into a folder.

    Args:
        pipeline: the parts; if it does not train, its model is evaluated unchanged.
        folder: empty folder for ``model/`` and the record of the run.
        engine: ``trainer`` or ``manual``.
        seed: seed of initialisation, order and dropout.
        environment: result of `describe_environment`.
        listener: called after every optimizer step.

    Raises:
        TaskError: unknown engine or hyperparameter.
        CheckFailure: training failed, or the evaluation did not give one row of logits per row of data.

    """
    scratch = folder / "scratch"
    with engine_outcome(
        pipeline, engine=engine, seed=seed, environment=environment, output_dir=scratch, listener=listener
    ) as (outcome, recorder):
        logits = pipeline.card.head_rules.outputs.normalised(outcome.logits)
        outputs = {**outcome.more, LOGITS: logits, LABELS: outcome.label_ids}
        _check_rows(pipeline, outputs, recorder.subject)
        with completing(recorder.subject), deadline(pipeline.timeout):
            outputs |= pipeline.source.evaluation.raw_outputs(pipeline, logits)
        if (kept := pipeline.card.head_rules.kept) is not None:
            outputs |= dict(zip(kept.names, np.moveaxis(outputs.pop(LOGITS), -1, 0), strict=True))
        with completing(recorder.subject), deadline(pipeline.timeout):
            outcome.save(folder / MODEL_FOLDER)
        trace = recorder.tracer.finish()
    shutil.rmtree(scratch, ignore_errors=True)
    run = Run(
        task=pipeline.card.name,
        engine=engine,
        seed=seed,
        head=pipeline.card.head,
        label_names=pipeline.card.label_names,
        checkpoint=pipeline.checkpoint.name,
        metrics=outcome.metrics,
        epochs=outcome.epochs,
        best_epoch=outcome.best_epoch,
        step_losses=tuple(recorder.losses),
        log_history=outcome.log_history,
        outputs=outputs,
        train_rows=len(pipeline.train_dataset),
        timings=outcome.timings,
        unjudged=outcome.unjudged,
        environment=environment,
        trace=trace,
        folder=folder,
    )
    run.write()
    return run


def _check_rows(pipeline: Pipeline, outputs: Mapping[str, NDArray[Any]], subject: str) -> None:
    """Fail if the evaluation lost or repeated rows, before any check uses its outputs."""
    rows = len(pipeline.eval_dataset)
    expected = pipeline.card.head_rules.outputs.shapes(rows, pipeline.card.num_labels)
    if np.ndim(outputs[LABELS]) == 0:  # None, although its type does not allow it
        finding = Finding(
            check="model.logits_shape",
            subject=subject,
            expected=f"label ids of the {rows} rows of the evaluation data set",
            observed="no labels: the evaluation found none in its batches",
            hint="label_names of TrainingArguments must name the label columns, such as ['labels'], not the classes; a "
            "collator may remove or rename these columns.",
        )
        raise CheckFailure([finding])
    seen = {name: np.shape(outputs[name]) if name in outputs else None for name in expected}
    if not all(name in outputs and has_shape(outputs[name], shape) for name, shape in expected.items()):
        finding = Finding(
            check="model.logits_shape",
            subject=subject,
            expected=f"{_shapes(expected)}: one row for each row of the evaluation data set",
            observed=_shapes(seen),
            hint="look for a collator that removes rows, a last batch that is dropped, or a head of another size.",
        )
        raise CheckFailure([finding])


def _shapes(shapes: Mapping[str, object]) -> str:
    return " and ".join(f"{'label ids' if name == LABELS else name} {shape}" for name, shape in shapes.items()).replace(
        "None", "T"
    )
