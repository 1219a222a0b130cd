"""Proves checks: plants a fault, runs the checks, and records which of them fail."""

from __future__ import annotations

import tempfile
import time
import warnings
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.check_answers import CheckAnswer, CheckAnswers
from pytest_ftcheck.faults.planting import with_args
from pytest_ftcheck.heads.traits import unmet
from pytest_ftcheck.pipeline.quiet import quiet_libraries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence_of import EvidenceOf
    from pytest_ftcheck.faults.fault import Fault
    from pytest_ftcheck.pipeline.parts import Pipeline

FEW_STEPS = 12
"""Optimizer steps of a run for a fault whose effect does not depend on what the model learns."""

_OF_PARTS = ("free", "forward")
_APART = ("serving",)
"""Families whose checks start another process: their checks run only if the fault lists one of them."""


ProofOutcome = Literal["caught", "survived", "n.a."]


@dataclass(frozen=True, kw_only=True)
class FaultRecord:
    """Result of one planted fault."""

    fault: str
    """Name of the fault."""
    task: str
    """Task of the pipeline with the fault."""
    engine: str
    """Engine that trains with the fault."""
    outcome: ProofOutcome
    """``n.a.``: it could not be planted."""
    listed: list[str]
    """Ids of the checks that should catch it."""
    caught: list[str]
    """Listed checks that failed."""
    also: list[str]
    """Other checks that failed."""
    not_applicable: str
    """Why the fault could not be planted; empty if it was planted."""
    seconds: float
    """Duration of the proof, in seconds."""
    verdicts: dict[str, CheckAnswer]
    """Results of the checks, by id."""


@dataclass(frozen=True)
class Proof:
    """Result of one fault."""

    fault: str
    task: str
    engine: str
    listed: tuple[str, ...]
    """Ids of the checks that should catch it."""
    verdicts: Mapping[str, CheckAnswer]
    """Results of the checks, by id."""
    seconds: float
    not_applicable: str = ""
    """Why the fault could not be planted; in this case no check was run."""

    @property
    def caught(self) -> tuple[str, ...]:
        """Listed checks that failed."""
        return tuple(name for name in self.listed if self._turned_red(name))

    @property
    def also(self) -> tuple[str, ...]:
        """Other checks that failed."""
        return tuple(name for name in self.verdicts if name not in self.listed and self._turned_red(name))

    @property
    def outcome(self) -> ProofOutcome:
        """Status of the proof."""
        if self.not_applicable:
            return "n.a."
        return "caught" if self.caught else "survived"

    def _turned_red(self, name: str) -> bool:
        return self.verdicts.get(name, CheckAnswer("not run")).state == "red"

    def to_record(self) -> FaultRecord:
        """Return the entry of the JSON document."""
        return FaultRecord(
            fault=self.fault,
            task=self.task,
            engine=self.engine,
            outcome=self.outcome,
            listed=list(self.listed),
            caught=list(self.caught),
            also=list(self.also),
            not_applicable=self.not_applicable,
            seconds=round(self.seconds, 2),
            verdicts=dict(self.verdicts),
        )


class Prover:
    """Plants faults in one pipeline. A check that fails without a fault proves nothing; this is tested where needed."""

    def __init__(
        self, pipeline: Pipeline, evidence_of: EvidenceOf, checks: Mapping[str, Check], *, folder: Path
    ) -> None:
        """Bind the parts.

        Args:
            pipeline: the pipeline without a fault.
            evidence_of: returns the evidence that checks read, for any pipeline.
            checks: checks that may run, by id, without those that the card skips.
            folder: runs and probes are made there; those of a fault are removed when it is proved.

        """
        self._pipeline = pipeline
        self._evidence_of = evidence_of
        self._checks = {name: check for name, check in checks.items() if name not in pipeline.card.skipped}
        self._folder = folder
        self._healthy: dict[tuple[str, bool], CheckAnswers] = {}
        """Results for the healthy pipeline, by engine and by whether only a few steps are trained."""
        self._sound_parts: dict[str, CheckAnswer] = {}
        self._planted_parts: dict[str, Mapping[str, CheckAnswer]] = {}
        """Results of the checks of the parts, by fault; these results do not depend on the engine."""

    def prove(self, fault: Fault, engine: str) -> Proof:
        """Plant a fault and run the checks: all checks of the parts, and checks of the run if one is listed."""
        started = time.perf_counter()
        verdicts: dict[str, CheckAnswer] = {}
        reason = ""
        try:
            with warnings.catch_warnings(), quiet_libraries():
                warnings.simplefilter("ignore")
                planted = fault.plant_in(self._pipeline, engine)
                self._require_a_catcher(fault)
        except NotApplicable as not_applicable:
            reason = str(not_applicable)
        else:
            with tempfile.TemporaryDirectory(dir=self._folder) as place:
                verdicts = self._verdicts(fault, planted, engine, Path(place))
        seconds = time.perf_counter() - started
        return Proof(fault.name, self._pipeline.card.name, engine, fault.caught_by, verdicts, seconds, reason)

    def _require_a_catcher(self, fault: Fault) -> None:
        """Refuse a fault whose listed checks all need another head: no check could catch it.

        Raises:
            NotApplicable: no listed check applies to the head.

        """
        traits = self._pipeline.card.head_rules.traits
        listed = [self._checks[name] for name in fault.caught_by if name in self._checks]
        reasons = [unmet(check.needs, traits) for check in listed]
        if listed and all(reasons):
            msg = (
                f"none of the checks that must catch it ({', '.join(check.id for check in listed)}) applies: "
                f"{reasons[0]}"
            )
            raise NotApplicable(msg)

    def _verdicts(self, fault: Fault, planted: Pipeline, engine: str, folder: Path) -> dict[str, CheckAnswer]:
        judge = CheckAnswers(
            self._evidence_of(self._as_long_as_needed(planted, whole_run=fault.whole_run), engine, folder)
        )
        same_parts = self._has_same_parts(planted)
        judge.adopt(self._planted_parts.get(fault.name, {}))
        for check in self._checks_for(fault):
            if check.cost in _OF_PARTS and same_parts:
                judge.adopt({check.id: self._before(check, engine, whole_run=fault.whole_run)})
            else:
                judge.answer(check)
        found = judge.verdicts
        costs = {name: check.cost for name, check in self._checks.items()}
        self._planted_parts[fault.name] = {name: found[name] for name in found if costs.get(name) in _OF_PARTS}
        return {
            name: self._compared(name, verdict, engine, whole_run=fault.whole_run) for name, verdict in found.items()
        }

    def _checks_for(self, fault: Fault) -> list[Check]:
        """Choose the checks of the run: the listed checks, or all if one of them trains the whole recipe anyway."""
        listed = [self._checks[name] for name in fault.caught_by if name in self._checks]
        families = {check.family for check in listed}
        trains = fault.whole_run and any(check.cost == "run" for check in listed)
        of_parts = [check for check in self._checks.values() if check.cost in _OF_PARTS]
        others = [
            check
            for check in self._checks.values()
            if trains and check.cost == "run" and (check.family not in _APART or check.family in families)
        ]
        return list({check.id: check for check in (*of_parts, *listed, *others)}.values())

    def _has_same_parts(self, planted: Pipeline) -> bool:
        """Whether all parts but the patches are those of the healthy pipeline."""
        parts = [spec.name for spec in fields(planted) if spec.name not in ("patches", "args")]
        if any(getattr(planted, name) is not getattr(self._pipeline, name) for name in parts):
            return False
        return dict(planted.args) == dict(self._pipeline.args)

    def _before(self, check: Check, engine: str, *, whole_run: bool) -> CheckAnswer:
        """Return the result of a check for the healthy pipeline."""
        if check.cost in _OF_PARTS:
            if check.id not in self._sound_parts:
                self._sound_parts[check.id] = self._sound_judge(engine, whole_run=whole_run).answer(check)
            return self._sound_parts[check.id]
        return self._sound_judge(engine, whole_run=whole_run).answer(check)

    def _sound_judge(self, engine: str, *, whole_run: bool) -> CheckAnswers:
        key = (engine, whole_run)
        if key not in self._healthy:
            folder = Path(tempfile.mkdtemp(dir=self._folder, prefix="healthy-"))
            self._healthy[key] = CheckAnswers(
                self._evidence_of(self._as_long_as_needed(self._pipeline, whole_run=whole_run), engine, folder)
            )
        return self._healthy[key]

    def _as_long_as_needed(self, pipeline: Pipeline, *, whole_run: bool) -> Pipeline:
        """Train for a few steps, but not more than the recipe has, if the fault shows without a trained model."""
        if whole_run or not pipeline.trains:
            return pipeline
        configured = int(pipeline.args.get("max_steps", -1))
        return with_args(pipeline, max_steps=FEW_STEPS if configured <= 0 else min(configured, FEW_STEPS))

    def _compared(self, name: str, verdict: CheckAnswer, engine: str, *, whole_run: bool) -> CheckAnswer:
        """Compare failed checks with those of the healthy pipeline."""
        if verdict.state != "red" or name not in self._checks:
            return verdict
        healthy = self._before(self._checks[name], engine, whole_run=whole_run)
        return replace(verdict, state="red before") if healthy.state in ("red", "not run") else verdict
