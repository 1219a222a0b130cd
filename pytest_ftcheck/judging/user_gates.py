"""Gates in users' own tests: limits of the test and of the card, and the rows of the metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_ftcheck.errors import CheckFailure, TaskError
from pytest_ftcheck.gates.card_gates import judge_metric, limits_for
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.records import GateOrigin, gate_record
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS
from pytest_ftcheck.gates.trivial_limits import refuse_trivial_limit
from pytest_ftcheck.gates.verdicts import judge_value, not_reported
from pytest_ftcheck.judging.judged import found_by_gates
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.tasks.floors import read_limits
from pytest_ftcheck.tasks.metric_names import known_direction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.judging.notes import Notes
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.tasks.floors import MetricLimits

    DirectedLimits = tuple[MetricLimits, bool]
    """Limits, and whether a greater value is better."""
    Marker = tuple[tuple[object, ...], Mapping[str, object]]
    """Positional arguments and keywords of a marker."""

MARKER = "ftcheck_floor"


class UserGates:
    """Metrics of one test, and their limits."""

    def __init__(
        self,
        session: FtcheckSession,
        test: str,
        metrics: Mapping[str, float] | Run,
        *,
        run: Run | None,
        task: str | None,
    ) -> None:
        """Find the rows of the metrics: of the given run, else of the run that the test took.

        Args:
            session: session of the test.
            test: name of the test.
            metrics: metrics to judge.
            run: run that the test took; None where it took none.
            task: task of a test that took no run; None where it has no task.

        """
        self._test = test
        self._session = session
        self._whole = isinstance(metrics, Run)
        self._run = metrics if isinstance(metrics, Run) else run
        task = task if self._run is None else self._run.task
        self._pipeline = None if task is None else session.pipeline(task)
        own = () if self._pipeline is None else self._pipeline.card.own_metrics
        rows = None if self._run is None else ComparedRun.of_run(self._run, own=own)
        if isinstance(metrics, Run):
            self._compared, self._values = rows, {} if rows is None else dict(rows.metrics)
        else:
            self._values = {str(name): float(value) for name, value in metrics.items()}
            self._compared = None if rows is None else ComparedRun(self._values, rows.rows)

    def of_card(self) -> dict[str, DirectedLimits]:
        """Return the card's limits and directions: all for a run, so that a missing one fails; else given metrics."""
        pipeline = self._pipeline
        if pipeline is None:
            return {}
        gates = pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name)
        known = {name: (limits, pipeline.card.greater_is_better(name)) for name, limits in gates.items()}
        return {name: entry for name, entry in known.items() if self._whole or name in self._values}

    def read(self, metric: str, value: object, where: str) -> DirectedLimits:
        """Read the limits of a test, with the direction of the metric.

        Raises:
            TaskError: the limits do not have the form of a card, or a trivial classifier reaches them.

        """
        greater = self._greater_is_better(metric, value)
        limits = read_limits("", where, value, metric=metric, greater_is_better=greater)
        if self._pipeline is not None and self._run is not None and limits.limit is not None:
            refuse_trivial_limit(self._pipeline, metric, limits.limit, greater_is_better=greater)
        return limits, greater

    def read_markers(self, markers: Iterable[Marker]) -> dict[str, DirectedLimits]:
        """Read the limits of a test's markers, the closest one first.

        Raises:
            TaskError: a marker does not have one metric and its limits.

        """
        found: dict[str, DirectedLimits] = {}
        for args, kwargs in markers:
            if len(args) != 1 or not isinstance(args[0], str) or not kwargs:
                msg = (
                    f"marker {MARKER} of {self._test} takes one metric and its limits: "
                    f"@pytest.mark.{MARKER}('f1', min=0.8, max_drop=0.02)."
                )
                raise TaskError(msg)
            metric = args[0]
            if metric not in found:
                found[metric] = self.read(metric, kwargs, f"marker {MARKER} of {self._test}: {metric}")
        return found

    def judge(self, limited: Mapping[str, DirectedLimits], notes: Notes) -> None:
        """Judge every metric that has limits, and note the verdicts for the summary.

        Raises:
            CheckFailure: all limits that do not hold.
            TaskError: no metric has limits.

        """
        if not limited:
            msg = (
                f"ft_gate in {self._test}: no limit for {', '.join(self._values) or 'no metric'}. Give some, as "
                "in ft_gate(metrics, {'f1': 0.8}), mark the test with ftcheck_floor, or write them into the card."
            )
            raise TaskError(msg)
        findings: list[Finding] = []
        for metric, (limits, greater) in limited.items():
            try:
                verdicts = self._verdicts(metric, limits, len(limited), greater_is_better=greater)
            except CheckFailure as failure:  # the accepted run cannot be compared
                findings += [
                    found for found in failure.findings if found not in findings
                ]  # the same finding for every metric
                continue
            origin = self._origin()
            notes.gates(gate_record(verdict, origin, name=name) for name, verdict in verdicts.items())
            found = found_by_gates(verdicts.values(), strict=self._session.settings.strict)
            notes.warnings(found.warnings)
            findings += found.red
        if findings:
            raise CheckFailure(findings)

    def _verdicts(
        self, metric: str, metric_limits: MetricLimits, gates: int, *, greater_is_better: bool
    ) -> Mapping[str, Verdict]:
        pipeline, run, compared = self._pipeline, self._run, self._compared
        if pipeline is None or run is None or compared is None:
            if metric_limits.max_drop is not None or metric_limits.slices:
                msg = f"{self._test}: {metric}: max_drop and slices need predictions by row: the test must take ft_run."
                raise TaskError(msg)
            limits = limits_for(metric_limits, greater_is_better=greater_is_better, rows=0)
            verdict = judge_value(metric, self._values.get(metric, math.nan), limits, subject=self._test)
            return {"": verdict if metric in self._values else not_reported(verdict, self._values)}
        return judge_metric(
            pipeline,
            compared,
            metric,
            metric_limits=metric_limits,
            greater_is_better=greater_is_better,
            masks=self._session.parts.masks(pipeline) if metric_limits.slices else {},
            baseline=None if metric_limits.max_drop is None else self._session.open_baselines().accepted(pipeline, run),
            false_alarms=FALSE_ALARMS / gates,
        )

    def _origin(self) -> GateOrigin:
        if self._run is not None:
            return GateOrigin.of_run(self._run)
        task = "-" if self._pipeline is None else self._pipeline.card.name
        return GateOrigin(task=task, engine="-", seed="-")

    def _greater_is_better(self, metric: str, value: object) -> bool:
        """Return the direction of a metric: from the card, else from its limits."""
        if self._pipeline is not None and metric in self._pipeline.card.gated_metrics:
            return self._pipeline.card.greater_is_better(metric)
        if isinstance(value, Mapping) and ("min" in value) != ("max" in value):
            return "min" in value
        return known_direction(metric)
