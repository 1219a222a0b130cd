"""Runs for tests: each is noted for the summary; one test reports a run that failed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.judging.judged import not_judged
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.report.runs import run_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant


def trained(node: pytest.Item, session: FtcheckSession, pipeline: Pipeline, variant: Variant) -> Callable[..., Run]:
    """Make the function of ``ft_train``, which notes a test's runs for the summary."""

    def train(*, engine: str = variant.engine, seed: int = variant.seed, **overrides: object) -> Run:
        changed = replace(pipeline, args={**pipeline.args, **overrides}) if overrides else pipeline
        run = session.runs.run(changed, engine=engine, seed=seed)
        note_run(node, session, run, changed)
        return run

    return train


def note_run(node: pytest.Item, session: FtcheckSession, run: Run, pipeline: Pipeline) -> None:
    """Note a run that a test used; one test notes its figures as well, where a document will show them."""
    settings, notes = session.settings, notes_of(node)
    notes.run(run, pipeline, session.runs.store.notes)
    documents = settings.json or settings.html
    if documents and session.figured.setdefault(run_name(run), node.nodeid) == node.nodeid:
        from pytest_ftcheck.report.figures.run import figures_of  # noqa: PLC0415 - only where asked for

        if all(noted["folder"] != str(run.folder) for noted in notes.values.get("figures", ())):
            notes.figures(figures_of(run, pipeline, with_rows=bool(settings.html)))


def own_run(node: pytest.Item, session: FtcheckSession, variant: Variant, train: Callable[..., Run]) -> Run:
    """Return the run of ``ft_run``; where it failed, one test reports the failure."""
    try:
        return train()
    except (CheckFailure, FtcheckError) as error:
        fail_once(node, session, error, variant)


def fail_once(item: pytest.Item, session: FtcheckSession, error: CheckFailure | FtcheckError, run: object) -> NoReturn:
    """Fail a test whose run failed, or skip it where another test reports that: one cause gives one failure.

    Args:
        item: the test that needs the run.
        session: of this process.
        error: the error that ended the run.
        run: an identifier that is equal for tests that need the same run.

    Raises:
        CheckFailure, FtcheckError: this test reports the failure.

    """
    reporting_test = session.reporting_test(run, error, item.nodeid)
    if reporting_test == item.nodeid:
        raise error
    notes_of(item).left_to(reporting_test)
    pytest.skip(not_judged(error))
