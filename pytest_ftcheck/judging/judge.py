"""Judge a fine-tune without pytest: in a notebook, or in a script that ends a training pipeline."""

from __future__ import annotations

import tempfile
import time
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.evidence_of import evidence_for
from pytest_ftcheck.errors import CheckFailure, TaskError
from pytest_ftcheck.files import scratch_folder
from pytest_ftcheck.gates.pipeline_slices import check_slices, pipeline_masks
from pytest_ftcheck.gates.trivial_limits import refuse_trivial_limits
from pytest_ftcheck.judging.checks import (
    FLOOR,
    cases_of_family,
    choose,
    expected_of,
    gate_cases,
    suite_catalogue,
    validate_card,
)
from pytest_ftcheck.judging.gating import CardGates
from pytest_ftcheck.judging.judged import found_by_check, not_judged
from pytest_ftcheck.judging.report import CheckResult, Report
from pytest_ftcheck.judging.selection import cheap_first
from pytest_ftcheck.pipeline.factory import trainer_task_name
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline
from pytest_ftcheck.sessions.budget import Budget
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import TaskCard, load_card

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from transformers import Trainer

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import GateRecord
    from pytest_ftcheck.judging.checks import Case
    from pytest_ftcheck.pipeline.parts import Pipeline


def judge(
    subject: str | TaskCard | Callable[..., Trainer], *, checks: Iterable[str] = (), settings: Settings | None = None
) -> Report:
    """Fine-tune, and judge the result, as ``pytest --ftcheck-task`` and ``--ftcheck-trainer`` do.

    Baselines are used only in pytest sessions: this function does not judge a drop against an accepted run.

    Args:
        subject: a function that returns a `transformers.Trainer` that has not trained, with its name or as
            ``train.py:build``; the name of a task, bundled or in ``[tool.ftcheck.tasks]`` of ``settings``; or a card.
        checks: families and ids; with a minus sign they are left out. Empty: all but opt-in families.
        settings: device, engines, first seed and all other options of the command line; None: the defaults.

    Returns:
        The verdict: `Report.ok`, `print(report)`, `Report.to_json`, `Report.to_markdown`, `Report.to_html`.

    Raises:
        FtcheckError: the subject or a setting is wrong.

    """
    started = time.time()
    settings = replace(settings or Settings(), checks=tuple(checks))
    budget = Budget(settings.budget)
    pipeline = _pipeline_of(subject, settings)
    known = suite_catalogue()
    chosen = choose(known, settings.checks)
    validate_card(pipeline.card, known, settings.dtype)
    check_slices(pipeline, settings.rootdir)
    if FLOOR in chosen:
        refuse_trivial_limits(pipeline)
    return _Judgement(pipeline, settings, chosen, budget, _call(subject, settings), started).report()


def _call(subject: Any, settings: Settings) -> str:
    """Return the call of `judge`, as a user may write it."""
    shown = repr(subject) if isinstance(subject, str) else getattr(subject, "__qualname__", type(subject).__name__)
    shown = f"load_card({subject.name!r})" if isinstance(subject, TaskCard) else shown
    return f"pytest_ftcheck.judge({shown}{f', checks={list(settings.checks)}' if settings.checks else ''})"


def _pipeline_of(subject: Any, settings: Settings) -> Pipeline:
    if isinstance(subject, TaskCard):
        return build_pipeline(subject, settings)
    if isinstance(subject, str) and ":" in subject:
        return build_trainer_pipeline(trainer_task_name(subject), subject, {}, settings)
    if isinstance(subject, str):
        return build_pipeline(load_card(subject, settings.task_tables), settings)
    if callable(subject):
        name = f"{getattr(subject, '__module__', '')}:{getattr(subject, '__qualname__', type(subject).__name__)}"
        task = trainer_task_name(name.replace("<locals>.", "").replace("__main__", "main"))
        return build_trainer_pipeline(task, name, {}, settings, factory=subject)
    msg = (
        f"judge() got {type(subject).__name__}, expected a function that returns a Trainer, 'train.py:build', the name "
        "of a task or its card. Every run needs a Trainer with fresh weights: pass the function that makes it."
    )
    raise TaskError(msg)


@dataclass
class _Judgement:
    """Runs the checks of one pipeline, one after the other."""

    pipeline: Pipeline
    settings: Settings
    checks: tuple[Check, ...]
    budget: Budget
    call: str
    started: float
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """Evidence by engine."""
    gates: list[GateRecord] = field(default_factory=list)
    unreported: list[tuple[str, CheckFailure]] = field(default_factory=list)
    """Failures of runs, each with its engine."""

    def report(self) -> Report:
        """Run all checks."""
        folder = tempfile.TemporaryDirectory(prefix="ftcheck-judge-", dir=scratch_folder())
        # One seed, and no accepted runs: both are judged only at the end of pytest sessions.
        settings = replace(self.settings, seeds=self.settings.seeds[:1], update_baseline=None)
        evidence_of = evidence_for(settings, seed=settings.seeds[0])
        for engine in settings.engines:
            (Path(folder.name) / engine).mkdir()
            self.evidence[engine] = evidence_of(self.pipeline, engine, Path(folder.name) / engine)
        masks = pipeline_masks(self.pipeline, settings.rootdir)
        gates = CardGates(settings, lambda _: masks)
        checks = expected_of(self.checks, settings, self.pipeline.card)
        families = dict.fromkeys(check.family for check in checks)
        cases = [case for family in families for case in cases_of_family(settings, checks, family)]
        cases += gate_cases(settings, self.checks, self.pipeline.card.gated_metrics)
        if settings.budget is not None:
            cases.sort(key=lambda case: cheap_first(case.note(self.pipeline.card.name)))
        report = Report(
            task=self.pipeline.card.name,
            subject=self.pipeline.subject,
            results=tuple(self._with_unreported([self._timed(case, gates) for case in cases])),
            gates=tuple(self.gates),
            runs={engine: evidence.run for engine, evidence in self.evidence.items() if evidence.has_run},
            pipeline=self.pipeline,
            call=self.call,
            started=self.started,
            seconds=time.time() - self.started,
        )
        weakref.finalize(report, folder.cleanup)
        return report

    def _timed(self, case: Case, gates: CardGates) -> CheckResult:
        began = time.perf_counter()
        return replace(self._judged(case, gates), seconds=time.perf_counter() - began)

    def _judged(self, case: Case, gates: CardGates) -> CheckResult:
        name, skipped = case.check.id, self.pipeline.card.skipped
        if name in skipped:
            return CheckResult(name, case.engine, "skipped", reason=skipped[name])
        note = case.note(self.pipeline.card.name)
        if reason := self.budget.reason(note):
            return CheckResult(name, case.engine, "skipped", reason=reason)
        passing: list[Finding] = []
        check = case.check
        if case.metric:
            check = gates.check(case.metric, lambda gate: self.gates.extend(gate.records()), passing.extend)
        try:
            with self.budget.measured(note):
                found = found_by_check(check, self.evidence[case.engine], strict=self.settings.strict)
        except NotApplicable as why:
            return CheckResult(name, case.engine, "skipped", reason=str(why))
        except CheckFailure as failure:
            if any(entry.check == name for entry in failure.findings):
                return CheckResult(name, case.engine, "failed", tuple(failure.findings))
            self.unreported.append((case.engine, failure))
            return CheckResult(name, case.engine, "skipped", reason=not_judged(failure))
        outcome: Literal["passed", "failed"] = "failed" if found.red else "passed"
        return CheckResult(name, case.engine, outcome, tuple(found.red), (*passing, *found.warnings))

    def _with_unreported(self, results: list[CheckResult]) -> list[CheckResult]:
        """Add one result for each failure of a run that no chosen check reports."""
        reported = {found.check for result in results if result.outcome == "failed" for found in result.findings}
        for engine, failure in self.unreported:
            if reported.isdisjoint(found.check for found in failure.findings):
                first = failure.findings[0].check
                results.append(CheckResult(first, engine, "failed", tuple(failure.findings)))
                reported.add(first)
        return results
