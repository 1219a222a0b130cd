"""What checks look at in a planted pipeline: its run and its probes, made of its parts and of nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.runs.store import RunStore
from pytest_ftcheck.training.probe import Probe, probe
from pytest_ftcheck.training.train_or_load import SessionRuns, environment_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.settings import Settings

EvidenceOf = Callable[["Pipeline", str, Path], Evidence]
"""From a pipeline, an engine and an empty folder to what the checks look at; see `evidence_for`."""


def evidence_for(settings: Settings, *, seed: int) -> EvidenceOf:
    """Return what makes the evidence of any pipeline, planted or not.

    Args:
        settings: device, dtype and threads.
        seed: of the runs.

    """

    def evidence_of(pipeline: Pipeline, engine: str, folder: Path) -> Evidence:
        environment = environment_of(settings, pipeline)
        run_of = partial(SessionRuns(settings, lambda: RunStore(folder / "runs")).run, pipeline, seed=seed)
        return Evidence(
            pipeline,
            engine=engine,
            seed=seed,
            environment=environment,
            make_run=partial(run_of, engine=engine),
            make_probe=Probes(pipeline, environment, lambda: Path(tempfile.mkdtemp(dir=folder))),
            other_run=partial(run_of, engine="manual" if engine == "trainer" else "trainer"),
        )

    return evidence_of


class Probes:
    """Makes short fine-tunes; equal ones once."""

    def __init__(self, pipeline: Pipeline, environment: Mapping[str, str], make_folder: Callable[[], Path]) -> None:
        self._pipeline = pipeline
        self._environment = environment
        self._make_folder = make_folder
        self._made: dict[str, Probe] = {}

    def __call__(self, *, engine: str, seed: int, **changes: Any) -> Probe:
        """Make a probe, or return the one that was made with equal changes."""
        key = repr((engine, seed, sorted(changes.items())))
        if key not in self._made:
            self._made[key] = probe(
                self._pipeline,
                engine=engine,
                seed=seed,
                environment=self._environment,
                folder=self._make_folder(),
                **changes,
            )
        return self._made[key]
