"""Runs for tests: trained once a session, from whatever parts the fixtures give."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.plugin.progress import shown
from pytest_ftcheck.plugin.report import note_run, notes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant
    from pytest_ftcheck.runs.run import Run


def obtain_run(config: pytest.Config, session: FtcheckSession, pipeline: Pipeline, *, engine: str, seed: int) -> Run:
    """Return the run of a pipeline; the second test that asks gets the same one, or the same failure.

    Raises:
        FtcheckError, CheckFailure: as `launch`.

    """
    from pytest_ftcheck.training.launch import launch  # noqa: PLC0415 - slow to import

    key = (*_identity(pipeline), engine, seed)
    if key not in session.runs:
        store = session.open_store(config)
        try:
            with shown(config) as listener:
                session.runs[key] = launch(
                    pipeline, session.settings, store, engine=engine, seed=seed, listener=listener
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, training again would give the same
            session.runs[key] = error
    run = session.runs[key]
    if isinstance(run, CheckFailure):
        raise CheckFailure(run.findings)
    if isinstance(run, Exception):
        raise run
    return run


def tell_of(item: pytest.Item, session: FtcheckSession, error: CheckFailure | FtcheckError, run: object) -> NoReturn:
    """Fail a test whose run failed, or skip it where another one tells of that: one cause gives one failure.

    Args:
        item: the test that needs the run.
        session: of this process.
        error: that ended the run.
        run: equal for tests that need the same run.

    Raises:
        CheckFailure, FtcheckError: this test tells.

    """
    teller = session.tellers.setdefault((run, str(error)), item.nodeid)
    if teller == item.nodeid:
        raise error
    notes_of(item)["left_to"] = teller
    pytest.skip(not_judged(error))


def not_judged(error: CheckFailure | FtcheckError) -> str:
    """Say why a test has nothing to judge, where another one tells of it in full."""
    if isinstance(error, CheckFailure):
        first = error.findings[0]
        return f"not judged because of {first.check}: {first.observed}"
    return f"not judged because there is no run: {error}"


def trained(node: pytest.Item, session: FtcheckSession, pipeline: Pipeline, variant: Variant) -> Callable[..., Run]:
    """Make the function behind ``ft_train``: a test's runs, noted for the summary."""

    def train(*, engine: str = variant.engine, seed: int = variant.seed, **overrides: object) -> Run:
        changed = replace(pipeline, args={**pipeline.args, **overrides}) if overrides else pipeline
        run = obtain_run(node.config, session, changed, engine=engine, seed=seed)
        note_run(node, run, changed)
        notes_of(node)["notes"] = list(session.open_store(node.config).notes)
        return run

    return train


def own_run(node: pytest.Item, session: FtcheckSession, variant: Variant, train: Callable[..., Run]) -> Run:
    """Return the run behind ``ft_run``; where it failed, one test tells of it."""
    try:
        return train()
    except (CheckFailure, FtcheckError) as error:
        tell_of(node, session, error, variant)


def _identity(pipeline: Pipeline) -> tuple[object, ...]:
    """The parts that make a run, to be compared by identity: hashing their content again would cost more."""
    return (
        pipeline.card.name,
        _Same(pipeline.model_init),
        _Same(pipeline.processing_class),
        _Same(pipeline.train_dataset),
        _Same(pipeline.eval_dataset),
        _Same(pipeline.data_collator),
        tuple(sorted((name, repr(value)) for name, value in pipeline.args.items())),
    )


class _Same:
    """Compares by identity, and keeps the object alive so that its identity stays its own."""

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._thing is other._thing

    def __hash__(self) -> int:
        return id(self._thing)
