"""From a pipeline to its run: trained once, or taken from the store."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import CheckFailure, DeviceError
from pytest_ftcheck.pipeline.reads.inputs import Inputs
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.key import run_key
from pytest_ftcheck.runs.run_inputs import RunInputs
from pytest_ftcheck.runs.same_parts import Same, same_parts
from pytest_ftcheck.training.cpu import kernel_names
from pytest_ftcheck.training.device import resolve_device, resolve_threads
from pytest_ftcheck.training.recorder import ProgressListener, silent
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.runs.store import RunStore
    from pytest_ftcheck.settings import Settings


def threads_for(settings: Settings, pipeline: Pipeline) -> int:
    """Choose the CPU threads of a pipeline's runs and measurements."""
    as_a_script = pipeline.source.trains_as_script
    return resolve_threads(settings.threads, pipeline.tier, settings.workers, as_a_script=as_a_script)


def environment_of(settings: Settings, pipeline: Pipeline) -> dict[str, str]:
    """Decide device, dtype, threads and kernels of a run, and name the versions.

    A user's Trainer trains as it does without us: with kernels of PyTorch, and no deterministic ones.

    Raises:
        DeviceError: the device that was asked for is not there, or kernels of a CPU are asked for on another one.

    """
    device = resolve_device(settings.device, settings.require_device)
    if settings.fast_cpu and device != "cpu":
        msg = (
            f"--ftcheck-fast-cpu has no effect on {device}: it replaces kernels of a CPU. Give --ftcheck-device=cpu as "
            "well, or leave it out; fast_cpu in a recipe holds only where the recipe trains on a CPU."
        )
        raise DeviceError(msg)
    return describe_environment(
        device,
        settings.dtype,
        threads_for(settings, pipeline),
        kernels=kernel_names(device, fast=pipeline.fast_cpu),
        deterministic=not pipeline.source.trains_as_script,
    )


def train_or_load(
    pipeline: Pipeline,
    settings: Settings,
    store: RunStore,
    *,
    engine: str,
    seed: int,
    listener: ProgressListener = silent,
) -> Run:
    """Return the run of a pipeline; train it where the store does not hold it.

    Args:
        pipeline: the parts.
        settings: give device, dtype and threads.
        store: shared by all processes that may ask for the run.
        engine: ``trainer`` or ``manual``.
        seed: of initialisation, order and dropout.
        listener: told after every optimizer step.

    Raises:
        FtcheckError: a part does not fit, or the store cannot be written.
        CheckFailure: the loss was not finite, or the evaluation lost rows.

    """
    environment = environment_of(settings, pipeline)
    made: dict[str, Any] = {"engine": engine, "seed": seed, "environment": environment}
    if not store.kept:
        key = run_key(pipeline, **made, session=store.session)
        return store.get_or_train(key, partial(train_run, pipeline, **made, listener=listener))
    inputs = RunInputs(pipeline.source.inputs or Inputs(settings.rootdir), store.session)
    key = run_key(pipeline, **made, session=store.session, root=settings.rootdir)

    def recorded(folder: Path) -> Run:
        with inputs.inputs.recorded(folder):
            return train_run(pipeline, folder, **made, listener=listener)

    run = store.get_or_train(key, recorded, inputs)
    parts = [f"{part}, which nothing tells from another one" for part in key.unstable]
    for why in (parts or list(inputs.inputs.unknown))[:1]:
        several = len(key.unstable) + len(inputs.inputs.unknown) - 1
        more = f" (and {several} more)" if several else ""
        store.notes.append(f"{pipeline.card.name}, {engine}, seed {seed}: not kept for later sessions: {why}{more}")
    return run


class SessionRuns:
    """Makes the runs of one process, and keeps them: the same parts give the same run, or the same failure.

    It is the one place that is asked for a run. Other processes, and with ``--ftcheck-reuse`` other sessions, find the
    run in the store.
    """

    def __init__(
        self,
        settings: Settings,
        open_store: Callable[[], RunStore],
        listening: Callable[[], AbstractContextManager[ProgressListener]] = lambda: nullcontext(silent),
    ) -> None:
        """Make no run yet.

        Args:
            settings: give device, dtype and threads.
            open_store: opens the run store, when the first run is asked for.
            listening: gives what is told of a run while it is made.

        """
        self._settings = settings
        self._open_store = open_store
        self._listening = listening
        self._made: dict[tuple[object, ...], Run | Exception] = {}
        self._parts: dict[Same, tuple[object, ...]] = {}
        """By the pipeline: what user code changes in it later makes no other run."""

    @cached_property
    def store(self) -> RunStore:
        """The run store."""
        return self._open_store()

    def run(self, pipeline: Pipeline, *, engine: str, seed: int) -> Run:
        """Return the run of a pipeline; whoever asks again gets the same one, or the same failure.

        Raises:
            FtcheckError, CheckFailure: as `train_or_load`.

        """
        pipeline_itself = Same(pipeline)
        if pipeline_itself not in self._parts:
            self._parts[pipeline_itself] = same_parts(pipeline)
        key = (*self._parts[pipeline_itself], engine, seed)
        if key not in self._made:
            store = self.store
            try:
                with self._listening() as listener:
                    self._made[key] = train_or_load(
                        pipeline, self._settings, store, engine=engine, seed=seed, listener=listener
                    )
            except Exception as error:  # noqa: BLE001 - whatever it is, training again would give the same
                self._made[key] = error
        made = self._made[key]
        if isinstance(made, CheckFailure):
            raise CheckFailure(made.findings)
        if isinstance(made, Exception):
            raise made
        return made
