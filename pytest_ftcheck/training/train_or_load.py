"""Returns the run of a pipeline: trained once, or read from the store."""

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
    """Choose the number of CPU threads of a pipeline's runs and measurements."""
    as_a_script = pipeline.source.trains_as_script
    return resolve_threads(settings.threads, pipeline.tier, settings.workers, as_a_script=as_a_script)


def environment_of(settings: Settings, pipeline: Pipeline) -> dict[str, str]:
    """Choose device, dtype, threads and kernels of a run, and add the versions.

    A user's Trainer trains as without this package: with PyTorch's kernels, and without deterministic algorithms.

    Raises:
        DeviceError: the requested device is not available, or CPU kernels are requested on another device.

    """
    device = resolve_device(settings.device, settings.require_device)
    if settings.fast_cpu and device != "cpu":
        msg = (
            f"--ftcheck-fast-cpu replaces CPU kernels, but the device is {device}. Give --ftcheck-device=cpu, too, or "
            "remove --ftcheck-fast-cpu; fast_cpu in a recipe has an effect only on a CPU."
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
    """Return the run of a pipeline; train it if it is not in the store.

    Args:
        pipeline: the parts.
        settings: device, dtype and threads.
        store: store that is shared by all processes that may request the run.
        engine: ``trainer`` or ``manual``.
        seed: seed of initialisation, order and dropout.
        listener: called after every optimizer step.

    Raises:
        FtcheckError: a part is wrong, or the store cannot be written.
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
    parts = [f"{part}, which has no stable description" for part in key.unstable]
    for why in (parts or list(inputs.inputs.unknown))[:1]:
        several = len(key.unstable) + len(inputs.inputs.unknown) - 1
        more = f" (and {several} more)" if several else ""
        store.notes.append(f"{pipeline.card.name}, {engine}, seed {seed}: not kept for later sessions: {why}{more}")
    return run


class SessionRuns:
    """Makes and keeps the runs of one process: the same parts give the same run, or the same failure.

    All requests for a run come here. Other processes, and with ``--ftcheck-reuse`` other sessions, find the run in the
    store.
    """

    def __init__(
        self,
        settings: Settings,
        open_store: Callable[[], RunStore],
        listening: Callable[[], AbstractContextManager[ProgressListener]] = lambda: nullcontext(silent),
    ) -> None:
        """Store the settings.

        Args:
            settings: device, dtype and threads.
            open_store: opens the run store when the first run is requested.
            listening: returns the listener for the progress of a run.

        """
        self._settings = settings
        self._open_store = open_store
        self._listening = listening
        self._made: dict[tuple[object, ...], Run | Exception] = {}
        self._parts: dict[Same, tuple[object, ...]] = {}
        """Parts by pipeline, at its first run: later changes by user code do not make another run."""

    @cached_property
    def store(self) -> RunStore:
        """The run store."""
        return self._open_store()

    def run(self, pipeline: Pipeline, *, engine: str, seed: int) -> Run:
        """Return the run of a pipeline; each further call returns the same run, or raises the same failure.

        Raises:
            FtcheckError, CheckFailure: as in `train_or_load`.

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
            except Exception as error:  # noqa: BLE001 - another training would raise the same error
                self._made[key] = error
        made = self._made[key]
        if isinstance(made, CheckFailure):
            raise CheckFailure(made.findings)
        if isinstance(made, Exception):
            raise made
        return made
