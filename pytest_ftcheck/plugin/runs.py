"""Runs for tests: trained once a session, from whatever parts the fixtures give."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.plugin.progress import shown
from pytest_ftcheck.plugin.report import note_run, notes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

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
        except CheckFailure as failure:
            session.runs[key] = failure
    run = session.runs[key]
    if isinstance(run, CheckFailure):
        raise CheckFailure(run.findings)
    return run


def trained(node: pytest.Item, session: FtcheckSession, pipeline: Pipeline, variant: Variant) -> Callable[..., Run]:
    """Make the function behind ``ft_train``: a test's runs, noted for the summary."""

    def train(*, engine: str = variant.engine, seed: int = variant.seed, **overrides: object) -> Run:
        changed = replace(pipeline, args={**pipeline.args, **overrides}) if overrides else pipeline
        run = obtain_run(node.config, session, changed, engine=engine, seed=seed)
        note_run(node, run, changed)
        notes_of(node)["notes"] = list(session.open_store(node.config).notes)
        return run

    return train


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
