"""Makes the evidence of a pipeline with a planted fault: its run and its probes, from its parts alone."""

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
"""Function from a pipeline, an engine and an empty folder to the evidence for the checks; see `evidence_for`."""


def evidence_for(settings: Settings, *, seed: int) -> EvidenceOf:
    """Return a function that makes the evidence of any pipeline, planted or not.

    Args:
        settings: device, dtype and threads.
        seed: seed of the runs.

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
    """Makes short fine-tunes; equal ones only once."""

    def __init__(self, pipeline: Pipeline, environment: Mapping[str, str], make_folder: Callable[[], Path]) -> None:
        self._pipeline = pipeline
        self._environment = environment
        self._make_folder = make_folder
        self._made: dict[str, Probe] = {}

    def __call__(self, *, engine: str, seed: int, **changes: Any) -> Probe:
        """Make a probe, or return the probe that was made with equal changes."""
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
