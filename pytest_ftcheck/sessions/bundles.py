"""The evidence of the suite's checks: one bundle for all tests with the same parts, engine and seed."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.evidence_of import Probes
from pytest_ftcheck.checks.serving.fresh import start_early
from pytest_ftcheck.compat.of_datasets import table_identity
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.runs.describe import describe
from pytest_ftcheck.training.train_or_load import environment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant

_KEPT = 4
"""Number of kept bundles, the last used ones: each holds models."""


class NoRun(CheckFailure):
    """The run that a check needs failed; where a check's own run fails, it raises a plain `CheckFailure`."""

    def __init__(self, findings: Sequence[Finding], engine: str = "") -> None:
        super().__init__(findings)
        self.engine = engine


class Bundles:
    """The evidence of a session. It holds models and probes; the session holds the runs.

    Attributes:
        kept: bundles by task, engine, seed and the changes of a user's fixtures; the last used bundle is last.

    """

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session
        self.kept: dict[tuple[Any, ...], Evidence] = {}

    def of(self, pipeline: Pipeline, variant: Variant, *, serves: Callable[[], bool]) -> Evidence:
        """Return the bundle of a test's parts; the next test with equal parts gets the same bundle.

        Args:
            pipeline: the parts.
            variant: task, engine and seed.
            serves: returns whether this process will run checks of the saved model.

        """
        own = self._session.pipeline(variant.task)
        key = (variant.task, variant.engine, variant.seed, *_changes(pipeline, own))
        self.kept[key] = self.kept.pop(key) if key in self.kept else self._bundle(pipeline, variant, serves=serves)
        for oldest in list(self.kept)[:-_KEPT]:
            del self.kept[oldest]
        return self.kept[key]

    def over(self, run: Callable[[], Run], pipeline: Pipeline, variant: Variant) -> Evidence:
        """Make the bundle of one test whose run comes from a user's fixture: the run may differ between tests."""
        return self._bundle(pipeline, variant, given_run=run)

    def _bundle(
        self,
        pipeline: Pipeline,
        variant: Variant,
        *,
        given_run: Callable[[], Run] | None = None,
        serves: Callable[[], bool] = lambda: False,
    ) -> Evidence:
        settings = self._session.settings

        def run_of(engine: str) -> Run:
            if engine == variant.engine and not evidence.has_run and serves():
                start_early(evidence)
            try:
                return self._session.runs.run(pipeline, engine=engine, seed=variant.seed)
            except CheckFailure as failure:
                raise NoRun(failure.findings, engine) from failure

        others = [engine for engine in settings.engines if engine != variant.engine]
        environment = environment_of(settings, pipeline)
        evidence = Evidence(
            pipeline,
            engine=variant.engine,
            seed=variant.seed,
            environment=environment,
            make_run=given_run or partial(run_of, variant.engine),
            make_probe=Probes(pipeline, environment, self._session.host.scratch),
            other_run=partial(run_of, others[0]) if others else None,
        )
        return evidence


def _changes(pipeline: Pipeline, own: Pipeline) -> tuple[str, ...]:
    """Describe the differences from the task's own parts; a user's fixture makes a new, equal object for every test."""
    parts = [(spec.name, getattr(pipeline, spec.name), getattr(own, spec.name)) for spec in fields(pipeline)]
    return tuple(f"{name} {_content(part)}" for name, part, before in parts if part is not before)


def _content(part: Any) -> str:
    if identity := table_identity(part):  # a data set: its content would take long to read
        return identity
    return describe(part).digest if callable(part) else repr(part)
