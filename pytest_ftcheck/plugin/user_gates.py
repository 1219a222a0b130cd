"""Gates in users' own tests: ``ft_gate`` and the marker ``ftcheck_floor``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import CheckFailure, TaskError
from pytest_ftcheck.gates.card_gates import judge_metric, limits_for
from pytest_ftcheck.gates.paired import ComparedRun
from pytest_ftcheck.gates.records import GateOrigin
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS
from pytest_ftcheck.gates.trivial_limits import refuse_trivial_limit
from pytest_ftcheck.gates.verdicts import judge_value, not_reported
from pytest_ftcheck.plugin.baselines import accepted_run
from pytest_ftcheck.plugin.gating import red_findings, slices_of
from pytest_ftcheck.plugin.report import note_gates
from pytest_ftcheck.plugin.session import marker_values, session_of
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.tasks.floors import read_limits
from pytest_ftcheck.tasks.metrics import known_direction

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.tasks.floors import MetricLimits

MARKER = "ftcheck_floor"
_JUDGED = pytest.StashKey[set[str]]()
"""Metrics that a test has judged."""


def make_gate(item: pytest.Item) -> Callable[..., None]:
    """Return what a test calls to judge metrics; see the fixture ``ft_gate``."""

    def gate(metrics: Mapping[str, float] | Run, floors: Mapping[str, Any] | None = None) -> None:
        judging = _Judging(item, metrics)
        asked = judging.of_card() | _of_markers(judging)
        asked |= {name: judging.read(name, value, f"ft_gate: {name}") for name, value in (floors or {}).items()}
        judging.judge(asked)

    return gate


def judge_marked(item: pytest.Item) -> None:
    """Judge what the markers of a test ask, and the test did not judge itself: of the run that it took.

    Raises:
        CheckFailure: what does not hold.
        TaskError: the test has no run.

    """
    run = _run_of(item)
    judging = _Judging(item, {} if run is None else run)
    judged = item.stash.get(_JUDGED, set[str]())
    left = {name: asked for name, asked in _of_markers(judging).items() if name not in judged}
    if left and run is None:
        msg = (
            f"marker {MARKER} of {item.name} limits {', '.join(left)}, and nothing was judged: the test must take "
            "ft_run, or give its own metrics to ft_gate."
        )
        raise TaskError(msg)
    if left:
        judging.judge(left)


class _Judging:
    """Metrics of one test, and what is asked of them."""

    def __init__(self, item: pytest.Item, metrics: Mapping[str, float] | Run) -> None:
        """Find the rows behind the metrics: those of a run, else of the ``ft_run`` that the test took."""
        self._item = item
        self._session = session_of(item.config)
        self._whole = isinstance(metrics, Run)
        self._run = metrics if isinstance(metrics, Run) else _run_of(item)
        task = _task(item) if self._run is None else self._run.task
        self._pipeline = None if task is None else self._session.pipeline(task)
        rows = None if self._run is None else ComparedRun.of_run(self._run)
        if isinstance(metrics, Run):
            self._compared, self._values = rows, {} if rows is None else dict(rows.metrics)
        else:
            self._values = {str(name): float(value) for name, value in metrics.items()}
            self._compared = None if rows is None else ComparedRun(self._values, rows.rows)

    def of_card(self) -> dict[str, tuple[MetricLimits, bool]]:
        """Return the card's limits and directions: of a run all, as what it lacks is red, else of what is there."""
        pipeline = self._pipeline
        if pipeline is None:
            return {}
        gates = pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name)
        known = {name: (asked, pipeline.card.greater_is_better(name)) for name, asked in gates.items()}
        return {name: entry for name, entry in known.items() if self._whole or name in self._values}

    def read(self, metric: str, value: object, where: str) -> tuple[MetricLimits, bool]:
        """Read limits that a test gives, with the direction of the metric.

        Raises:
            TaskError: they are not written as in a card, or a trivial classifier reaches them.

        """
        greater = self._greater_is_better(metric, value)
        asked = read_limits("", where, value, metric=metric, greater_is_better=greater)
        if self._pipeline is not None and self._run is not None and asked.limit is not None:
            refuse_trivial_limit(self._pipeline, metric, asked.limit, greater_is_better=greater)
        return asked, greater

    def judge(self, asked: Mapping[str, tuple[MetricLimits, bool]]) -> None:
        """Judge every metric that has limits, and note the verdicts for the summary.

        Raises:
            CheckFailure: all that does not hold.
            TaskError: no metric has limits.

        """
        if not asked:
            msg = (
                f"ft_gate in {self._item.name}: no limit for {', '.join(self._values) or 'no metric'}. Give some, as "
                "in ft_gate(metrics, {'f1': 0.8}), mark the test with ftcheck_floor, or write them into the card."
            )
            raise TaskError(msg)
        self._item.stash.setdefault(_JUDGED, set()).update(asked)
        findings: list[Finding] = []
        for metric, (limits, greater) in asked.items():
            try:
                verdicts = self._verdicts(metric, limits, len(asked), greater_is_better=greater)
            except CheckFailure as failure:  # the baseline cannot be compared with
                findings += [found for found in failure.findings if found not in findings]  # the same for every metric
                continue
            note_gates(self._item, verdicts, self._origin())
            findings += red_findings(self._item, verdicts.values(), strict=self._session.settings.strict)
        if findings:
            raise CheckFailure(findings)

    def _verdicts(
        self, metric: str, asked: MetricLimits, gates: int, *, greater_is_better: bool
    ) -> Mapping[str, Verdict]:
        pipeline, run, compared = self._pipeline, self._run, self._compared
        if pipeline is None or run is None or compared is None:
            if asked.max_drop is not None or asked.slices:
                msg = f"{self._item.name}: {metric}: a baseline and slices are of rows: the test must take ft_run."
                raise TaskError(msg)
            limits = limits_for(asked, greater_is_better=greater_is_better, rows=0)
            verdict = judge_value(metric, self._values.get(metric, math.nan), limits, subject=self._item.name)
            return {"": verdict if metric in self._values else not_reported(verdict, self._values)}
        return judge_metric(
            pipeline,
            compared,
            metric,
            asked=asked,
            greater_is_better=greater_is_better,
            masks=slices_of(self._session, pipeline) if asked.slices else {},
            baseline=None if asked.max_drop is None else accepted_run(self._session, pipeline, run),
            false_alarms=FALSE_ALARMS / gates,
        )

    def _origin(self) -> GateOrigin:
        if self._run is not None:
            return GateOrigin.of_run(self._run)
        task = "-" if self._pipeline is None else self._pipeline.card.name
        return GateOrigin(task=task, engine="-", seed="-")

    def _greater_is_better(self, metric: str, value: object) -> bool:
        """Return the card's direction; of another metric, the one that its limits tell."""
        if self._pipeline is not None and metric in self._pipeline.card.gated_metrics:
            return self._pipeline.card.greater_is_better(metric)
        if isinstance(value, Mapping) and ("min" in value) != ("max" in value):
            return "min" in value
        return known_direction(metric)


def _of_markers(judging: _Judging) -> dict[str, tuple[MetricLimits, bool]]:
    """Read the limits of a test's markers, the closest one first."""
    found: dict[str, tuple[MetricLimits, bool]] = {}
    item = judging._item  # noqa: SLF001 - of this module
    for marker in item.iter_markers(MARKER):
        if len(marker.args) != 1 or not isinstance(marker.args[0], str) or not marker.kwargs:
            msg = (
                f"marker {MARKER} of {item.name} takes one metric and its limits: "
                f"@pytest.mark.{MARKER}('f1', min=0.8, max_drop=0.02)."
            )
            raise TaskError(msg)
        metric = marker.args[0]
        if metric not in found:
            found[metric] = judging.read(metric, marker.kwargs, f"marker {MARKER} of {item.name}: {metric}")
    return found


def _run_of(item: pytest.Item) -> Run | None:
    """Return the run that a test took, where it is one of ours."""
    run = getattr(item, "funcargs", {}).get("ft_run")
    return run if isinstance(run, Run) else None


def _task(item: pytest.Item) -> str | None:
    """Name the task of a test that took no run; None where there is none, or several to choose from."""
    settings = session_of(item.config).settings
    tasks = settings.tasks or tuple(settings.task_tables)
    wanted = marker_values(item).get("task")
    return str(wanted) if wanted else (tasks[0] if len(tasks) == 1 else None)
