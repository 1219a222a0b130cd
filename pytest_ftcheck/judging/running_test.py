"""A test that is running: its runs are noted for the summary, and one test reports a run that failed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.judging.judged import not_judged
from pytest_ftcheck.report.runs import run_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_ftcheck.judging.notes import Notes
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant


@dataclass(frozen=True)
class RunningTest:
    """A test of the suite or of the project."""

    session: FtcheckSession
    nodeid: str
    notes: Notes
    tests: Callable[[], Iterable[tuple[str, Mapping[str, Any]]]]
    """Returns all tests of this process by node id, each with its case: task, check, engine and seed."""

    def trained(self, pipeline: Pipeline, variant: Variant) -> Callable[..., Run]:
        """Make the function of ``ft_train``, which notes the runs of this test."""

        def train(*, engine: str = variant.engine, seed: int = variant.seed, **overrides: object) -> Run:
            changed = replace(pipeline, args={**pipeline.args, **overrides}) if overrides else pipeline
            run = self.session.runs.run(changed, engine=engine, seed=seed)
            self.note_run(run, changed)
            return run

        return train

    def note_run(self, run: Run, pipeline: Pipeline) -> None:
        """Note a run that this test used; one test notes its figures as well, where a document will show them."""
        settings = self.session.settings
        self.notes.run(run, pipeline, self.session.runs.store.notes)
        documents = settings.json or settings.html
        if documents and self.session.figured.setdefault(run_name(run), self.nodeid) == self.nodeid:
            from pytest_ftcheck.report.figures.run import figures_of  # noqa: PLC0415 - only where asked for

            if all(noted["folder"] != str(run.folder) for noted in self.notes.values.get("figures", ())):
                self.notes.figures(figures_of(run, pipeline, with_rows=bool(settings.html)))

    @contextmanager
    def failing_once(self, run: object) -> Iterator[None]:
        """Fail this test where its run fails, unless another test reports the failure; see `fail_once`."""
        try:
            yield
        except (CheckFailure, FtcheckError) as error:
            self.fail_once(error, run)

    def fail_once(self, error: CheckFailure | FtcheckError, run: object) -> NoReturn:
        """Fail this test because its run failed, unless another test reports that: one cause gives one failure.

        Args:
            error: the error that ended the run.
            run: an identifier that is equal for tests that need the same run.

        Raises:
            CheckFailure, FtcheckError: this test reports the failure.
            NotApplicable: another test reports it.

        """
        reporting_test = self.session.reporting_test(run, error, self.nodeid)
        if reporting_test == self.nodeid:
            raise error
        self.leave_to(reporting_test, error)

    def leave_to(self, reporting_test: str, error: CheckFailure | FtcheckError) -> NoReturn:
        """Leave the report of a failure to another test, which must fail.

        Raises:
            NotApplicable: always, with the reason why this test does not judge.

        """
        self.notes.left_to(reporting_test)
        raise NotApplicable(not_judged(error)) from error
