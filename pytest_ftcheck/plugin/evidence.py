"""What the suite's checks look at: one bundle for all tests over the same parts, engine and seed."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.evidence_of import Probes
from pytest_ftcheck.checks.serving.fresh import start_early
from pytest_ftcheck.compat.of_datasets import table_identity
from pytest_ftcheck.compat.of_pytest import temporary_folder
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.plugin.parts import overridden
from pytest_ftcheck.plugin.report import case_of
from pytest_ftcheck.plugin.runs import obtain_run
from pytest_ftcheck.runs.describe import describe
from pytest_ftcheck.training.launch import environment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant
    from pytest_ftcheck.runs.run import Run

_KEPT = 4
"""Bundles hold models: of many seeds and tasks, those that were used last are kept."""


class NoRun(CheckFailure):
    """The run that a check needs failed; of one that it makes itself, a plain `CheckFailure` tells."""

    def __init__(self, findings: Sequence[Finding], engine: str = "") -> None:
        super().__init__(findings)
        self.engine = engine


def evidence_of(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, variant: Variant
) -> Evidence:
    """Return the bundle of a test's parts; the next test with equal parts gets the same one."""
    if overridden(request, "ft_run") or overridden(request, "ft_train"):  # it may differ from test to test
        return _bundle(request, session, pipeline, variant, lambda: request.getfixturevalue("ft_run"))
    own = session.pipeline(variant.task)
    key = (variant.task, variant.engine, variant.seed, *_changes(pipeline, own))
    kept = session.evidence
    kept[key] = kept.pop(key) if key in kept else _bundle(request, session, pipeline, variant)
    for oldest in list(kept)[:-_KEPT]:
        del kept[oldest]
    return kept[key]


def _changes(pipeline: Pipeline, own: Pipeline) -> tuple[str, ...]:
    """Describe what differs from the task's own parts: a user's fixture makes an equal object for every test."""
    parts = [(spec.name, getattr(pipeline, spec.name), getattr(own, spec.name)) for spec in fields(pipeline)]
    return tuple(f"{name} {_content(part)}" for name, part, before in parts if part is not before)


def _content(part: Any) -> str:
    if identity := table_identity(part):  # a data set, whose content would take long to read
        return identity
    return describe(part).digest if callable(part) else repr(part)


def _bundle(
    request: pytest.FixtureRequest,
    session: FtcheckSession,
    pipeline: Pipeline,
    variant: Variant,
    given_run: Callable[[], Run] | None = None,
) -> Evidence:
    config, serves = request.config, _serves(request.session)

    def run_of(engine: str) -> Run:
        try:
            return obtain_run(config, session, pipeline, engine=engine, seed=variant.seed)
        except CheckFailure as failure:
            raise NoRun(failure.findings, engine) from failure

    def own_run() -> Run:
        if serves:
            start_early(evidence)
        return run_of(variant.engine)

    others = [engine for engine in session.settings.engines if engine != variant.engine]
    environment = environment_of(session.settings, pipeline)
    evidence = Evidence(
        pipeline,
        engine=variant.engine,
        seed=variant.seed,
        environment=environment,
        make_run=given_run or own_run,
        make_probe=Probes(pipeline, environment, partial(temporary_folder, config, "ftcheck-probe")),
        other_run=(lambda: run_of(others[0])) if others else None,
    )
    return evidence


def _serves(session: pytest.Session) -> bool:
    """Tell whether this process will ask what a server makes of the run: a worker of xdist takes whole tasks."""
    return any(case_of(item).get("check", "").startswith("serving.") for item in session.items)
