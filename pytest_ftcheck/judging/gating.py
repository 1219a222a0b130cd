"""Gates of the suite: judge a metric of a run by the limits of its card and by an accepted run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.gates.card_gates import degenerate, judge_metric, limits_of, session_share
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.pipeline_slices import pipeline_masks
from pytest_ftcheck.gates.records import GateOrigin, GateRecord, gate_record
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS
from pytest_ftcheck.judging.checks import FLOOR, ungated
from pytest_ftcheck.judging.judged import found_by_gates
from pytest_ftcheck.sessions.baselines import Baselines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.settings import Settings


@dataclass(frozen=True)
class Gate:
    """The verdicts on one metric of a run."""

    verdicts: Mapping[str, Verdict]
    """Verdicts by the name of the slice; the empty name means all rows."""
    origin: GateOrigin
    informs: bool
    """Several seeds are judged together: the verdict on this seed alone does not fail."""
    degenerate: bool
    not_compared: CheckFailure | None = None
    """Why there is no accepted run to compare with, although a limit needs one."""

    @property
    def bad(self) -> list[Finding]:
        """Findings of the limits that do not hold."""
        return [found for verdict in self.verdicts.values() if verdict.status == "fail" for found in verdict.findings]

    def records(self) -> list[GateRecord]:
        """Put the verdicts into plain values."""
        return [
            gate_record(verdict, self.origin, name=name, informs=self.informs, failed=self.degenerate)
            for name, verdict in self.verdicts.items()
        ]


class CardGates:
    """Judges metrics by a card."""

    def __init__(
        self,
        settings: Settings,
        masks_of: Callable[[Pipeline], Mapping[str, Masks]],
        *,
        accepted: Callable[..., ComparedRun | None] | None = None,
        share: Callable[[], float] = lambda: FALSE_ALARMS,
    ) -> None:
        """Store the settings of the gates.

        Args:
            settings: seeds and strictness.
            masks_of: returns the rows of the card's slices.
            accepted: returns the accepted run, like `Baselines.accepted`; None: no comparison.
            share: returns the false alarm rate of one comparison with an accepted run.

        """
        self._settings = settings
        self._masks_of = masks_of
        self._accepted = accepted
        self._share = share

    def judge(self, pipeline: Pipeline, run: Run, metric: str) -> Gate:
        """Judge one metric of a run.

        Raises:
            FtcheckError: a slice does not exist.

        """
        compared = ComparedRun.of_run(run, own=pipeline.card.own_metrics)
        wanted = limits_of(pipeline, metric).max_drop is not None
        baseline: ComparedRun | None = None
        not_compared: CheckFailure | None = None
        if self._accepted is not None:
            try:
                baseline = self._accepted(pipeline, run, gated=wanted)
            except CheckFailure as failure:  # reported after the limits are judged
                not_compared = failure
        verdicts = judge_metric(
            pipeline,
            compared,
            metric,
            masks=self._masks_of(pipeline),
            baseline=baseline,
            false_alarms=self._share() if wanted else FALSE_ALARMS,
        )
        return Gate(verdicts, GateOrigin.of_run(run), self._several, degenerate(compared.rows), not_compared)

    @property
    def _several(self) -> bool:
        return len(self._settings.seeds) > 1

    def check(
        self,
        metric: str = "",
        note: Callable[[Gate], None] = lambda _: None,
        warn: Callable[[list[Finding]], None] = lambda _: None,
    ) -> Check:
        """Make the check of one metric's limits, or of all metrics that a card gates.

        Args:
            metric: key; empty for all metrics.
            note: receives the verdicts; an error that it raises fails the test.
            warn: receives the inconclusive findings, which pass.

        """

        def keeps_its_limits(evidence: Evidence, _: object) -> list[Finding]:
            """The metric is within its limits."""
            metrics = [metric] if metric else evidence.pipeline.card.gated_metrics
            found: list[Finding] = []
            reasons: list[str] = []
            for name in metrics:
                try:
                    found += self._red(evidence, name, note, warn)
                except NotApplicable as reason:
                    reasons.append(str(reason))
            if len(reasons) == len(metrics):
                raise NotApplicable("; ".join(reasons))
            return list(dict.fromkeys(found))  # the reason why a run cannot be compared is the same for every metric

        return replace(FLOOR, function=keeps_its_limits)

    def _red(
        self,
        evidence: Evidence,
        metric: str,
        note: Callable[[Gate], None],
        warn: Callable[[list[Finding]], None],
    ) -> list[Finding]:
        """Judge a metric; return the findings that fail.

        Raises:
            NotApplicable: the metric has no limit.

        """
        pipeline = evidence.pipeline
        gate = self.judge(pipeline, evidence.run, metric)
        note(gate)
        if gate.not_compared is not None:
            return [*gate.bad, *gate.not_compared.findings]
        if reason := ungated(pipeline, metric, gate.verdicts):
            if self._settings.update_baseline:  # the run is noted, and may become the accepted run
                return []
            raise NotApplicable(reason)
        if gate.informs:  # the seeds are judged together at the end of the session
            return []
        found = found_by_gates(gate.verdicts.values(), strict=self._settings.strict)
        warn(found.warnings)
        return found.red


def gates_of(session: FtcheckSession) -> CardGates:
    """Return the gates of a session, with its slices, its accepted runs, and its false alarm rate."""

    def accepted(pipeline: Pipeline, run: Run, *, gated: bool) -> ComparedRun | None:
        return session.open_baselines().accepted(pipeline, run, gated=gated)

    return CardGates(session.settings, session.parts.masks, accepted=accepted, share=lambda: false_alarms(session))


def gates_for_proofs(session: FtcheckSession, seed: int) -> CardGates:
    """Return the gates of a session for pipelines with a planted fault, of one seed.

    They use the rows of the given pipeline, and compare with accepted runs. They note nothing for the baseline, because
    a run with a fault must not be accepted.
    """
    settings = replace(session.settings, seeds=(seed,), update_baseline=None)
    return CardGates(
        settings,
        lambda pipeline: pipeline_masks(pipeline, settings.rootdir),
        accepted=Baselines(settings).accepted,
        share=lambda: false_alarms(session),
    )


def false_alarms(session: FtcheckSession) -> float:
    """Return the false alarm rate of one comparison, a fraction of the session's budget."""
    pipelines = {task: session.pipeline(task) for task in session.settings.tasks}
    masks = {task: session.parts.masks(pipeline) for task, pipeline in pipelines.items()}
    return session_share(pipelines, masks, engines=len(session.settings.engines), seeds=len(session.settings.seeds))
