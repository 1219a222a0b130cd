"""Gates in tests: judge a run by its card, note the verdicts for the summary, and return the failing findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.gates.card_gates import asked_of, degenerate, judge_metric, session_share
from pytest_ftcheck.gates.paired import ComparedRun
from pytest_ftcheck.gates.pipeline_slices import pipeline_masks
from pytest_ftcheck.gates.records import GateOrigin
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS
from pytest_ftcheck.gates.trivial_limits import refuse_trivial_limits
from pytest_ftcheck.plugin.baselines import accepted_run
from pytest_ftcheck.plugin.report import note_gates, note_warnings, notes_of
from pytest_ftcheck.plugin.runs import not_judged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pytest

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession
    from pytest_ftcheck.runs.run import Run


def judge_by_card(
    item: pytest.Item,
    session: FtcheckSession,
    pipeline: Pipeline,
    run: Run,
    metric: str,
    *,
    informs: bool = False,
) -> Mapping[str, Verdict]:
    """Judge one metric of a run by its card, and note the verdicts.

    Args:
        item: the test that judges.
        session: of pytest.
        pipeline: that made the run.
        run: what came out.
        metric: key.
        informs: the seed alone decides nothing.

    Returns:
        By the name of the slice; empty for all rows.

    Raises:
        CheckFailure: the baseline cannot be compared with.
        FtcheckError: slices that are not there.

    """
    compared = ComparedRun.of_run(run)
    wanted = asked_of(pipeline, metric).max_drop is not None
    baseline, failure = _baseline(session, pipeline, run, wanted=wanted)
    verdicts = judge_metric(
        pipeline,
        compared,
        metric,
        masks=slices_of(session, pipeline),
        baseline=baseline,
        false_alarms=false_alarms(session) if wanted else FALSE_ALARMS,
    )
    note_gates(item, verdicts, GateOrigin.of_run(run), informs=informs, failed=degenerate(compared.rows))
    if failure is not None:
        bad = [found for verdict in verdicts.values() if verdict.status == "fail" for found in verdict.findings]
        _tell_of_baseline(item, session, failure, bad, (run.task, run.engine, run.seed))
    return verdicts


def _tell_of_baseline(
    item: pytest.Item, session: FtcheckSession, failure: CheckFailure, bad: list[Finding], run: tuple[str, str, int]
) -> NoReturn:
    """Fail the test of the first metric of a run, which stands for all of them; what else is bad is told with it.

    Raises:
        CheckFailure: this test tells, or a limit does not hold.
        NotApplicable: the test of another metric tells.

    """
    teller = session.tellers.setdefault((run, str(failure)), item.nodeid)
    if teller == item.nodeid:
        raise CheckFailure([*bad, *failure.findings])
    if bad:
        raise CheckFailure(bad)
    notes_of(item)["left_to"] = teller
    raise NotApplicable(not_judged(failure))


def _baseline(
    session: FtcheckSession, pipeline: Pipeline, run: Run, *, wanted: bool
) -> tuple[ComparedRun | None, CheckFailure | None]:
    """Return the accepted run, or why there is none: told after the limits are judged."""
    try:
        return accepted_run(session, pipeline, run, gated=wanted), None
    except CheckFailure as failure:
        return None, failure


def red_findings(item: pytest.Item, verdicts: Iterable[Verdict], *, strict: bool) -> list[Finding]:
    """Return what fails the test; what is inconclusive is noted as a warning, unless it fails, too."""
    red: list[Finding] = []
    for verdict in verdicts:
        if verdict.status == "fail" or (strict and verdict.status == "inconclusive"):
            red += verdict.findings
        else:
            note_warnings(item, verdict.findings)
    return red


def false_alarms(session: FtcheckSession) -> float:
    """Return the share of one comparison in the session's false alarms."""
    pipelines = {task: session.pipeline(task) for task in session.settings.tasks}
    masks = {task: slices_of(session, pipeline) for task, pipeline in pipelines.items()}
    return session_share(pipelines, masks, engines=len(session.settings.engines), seeds=len(session.settings.seeds))


def slices_of(session: FtcheckSession, pipeline: Pipeline) -> Mapping[str, Masks]:
    """Return the rows of the card's slices, found once for the same evaluation rows."""
    # datasets' own identity of a table.
    key = (pipeline.card.name, getattr(pipeline.eval_dataset, "_fingerprint", str(id(pipeline.eval_dataset))))
    if key not in session.slices:
        session.slices[key] = pipeline_masks(pipeline, session.settings.rootdir)
    return session.slices[key]


def check_gates(session: FtcheckSession, pipeline: Pipeline) -> None:
    """Make sure that a card's gates gate something, before anything is trained.

    Raises:
        FtcheckError: a limit that a trivial classifier reaches, slices that are not there.

    """
    slices_of(session, pipeline)
    refuse_trivial_limits(pipeline)
