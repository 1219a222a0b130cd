"""Judge a fine-tune without pytest: in a notebook, or in a script that ends a training pipeline."""

from __future__ import annotations

import tempfile
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ftcheck.checks.catalogue import NotApplicable, run_check
from pytest_ftcheck.checks.evidence_of import evidence_for
from pytest_ftcheck.errors import CheckFailure, TaskError
from pytest_ftcheck.files import scratch_folder
from pytest_ftcheck.gates.card_gates import degenerate, judge_metric
from pytest_ftcheck.gates.paired import ComparedRun
from pytest_ftcheck.gates.pipeline_slices import check_slices, pipeline_masks
from pytest_ftcheck.gates.records import GateOrigin, gate_record
from pytest_ftcheck.gates.trivial_limits import refuse_trivial_limits
from pytest_ftcheck.judging.checks import (
    FLOOR,
    cases_of_family,
    choose,
    gate_cases,
    suite_catalogue,
    ungated,
    validate_card,
)
from pytest_ftcheck.judging.report import CheckResult, Report
from pytest_ftcheck.pipeline.factory import trainer_task_name
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import TaskCard, load_card
from pytest_ftcheck.training.determinism import isolated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from transformers import Trainer

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import GateRecord
    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.judging.checks import Case
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run


def judge(
    subject: str | TaskCard | Callable[..., Trainer], *, checks: Iterable[str] = (), settings: Settings | None = None
) -> Report:
    """Fine-tune, and judge what comes out, as ``pytest --ftcheck-task`` and ``--ftcheck-trainer`` do.

    Baselines are of pytest's sessions alone: a drop against one is not judged here.

    Args:
        subject: a function that returns a `transformers.Trainer` that has not trained, with its name or as
            ``train.py:build``; the name of a task, bundled or in ``[tool.ftcheck.tasks]`` of ``settings``; or a card.
        checks: families and ids; with a minus sign they are left out. Empty: all but those that are asked for by name.
        settings: device, engines, first seed and all that the command line of pytest takes; None: the defaults.

    Returns:
        The verdict: `Report.ok`, `print(report)`, `Report.to_json`.

    Raises:
        FtcheckError: the subject or a setting does not fit.

    """
    settings = replace(settings or Settings(), checks=tuple(checks))
    pipeline = _pipeline_of(subject, settings)
    known = suite_catalogue()
    chosen = choose(known, settings.checks)
    validate_card(pipeline.card, known, settings.dtype)
    check_slices(pipeline, settings.rootdir)
    if FLOOR in chosen:
        refuse_trivial_limits(pipeline)
    return _Judgement(pipeline, settings, chosen).report()


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
        "of a task or its card. Every run needs a Trainer with fresh weights: hand over the function that makes it."
    )
    raise TaskError(msg)


class _Found(NamedTuple):
    red: list[Finding]
    warnings: list[Finding]


@dataclass
class _Judgement:
    """Runs the checks of one pipeline, one after the other."""

    pipeline: Pipeline
    settings: Settings
    checks: tuple[Check, ...]
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """By engine."""
    gates: list[GateRecord] = field(default_factory=list)
    untold: list[tuple[str, CheckFailure]] = field(default_factory=list)
    """What ended a run, with its engine."""

    def report(self) -> Report:
        """Run them all."""
        folder = tempfile.TemporaryDirectory(prefix="ftcheck-judge-", dir=scratch_folder())
        # One seed: several are judged together, which is what pytest's sessions do.
        settings = replace(self.settings, seeds=self.settings.seeds[:1])
        masks = pipeline_masks(self.pipeline, settings.rootdir)
        evidence_of = evidence_for(settings, seed=settings.seeds[0])
        for engine in settings.engines:
            (Path(folder.name) / engine).mkdir()
            self.evidence[engine] = evidence_of(self.pipeline, engine, Path(folder.name) / engine)
        families = dict.fromkeys(check.family for check in self.checks)
        cases = [case for family in families for case in cases_of_family(settings, self.checks, family)]
        results = [self._checked(case) for case in cases]
        gates = gate_cases(settings, self.checks, self.pipeline.card.gated_metrics)
        results += [self._gated(case, masks) for case in gates]
        report = Report(
            task=self.pipeline.card.name,
            subject=self.pipeline.subject,
            results=tuple(self._with_untold(results)),
            gates=tuple(self.gates),
            runs=self._runs(),
        )
        weakref.finalize(report, folder.cleanup)
        return report

    def _runs(self) -> Mapping[str, Run]:
        # A cached property: asking for one that no check needed would train.
        return {engine: evidence.run for engine, evidence in self.evidence.items() if "run" in vars(evidence)}

    def _checked(self, case: Case) -> CheckResult:
        check = case.check
        if check.id in self.pipeline.card.skipped:
            return CheckResult(check.id, case.engine, "skipped", reason=self.pipeline.card.skipped[check.id])

        def judged(evidence: Evidence) -> _Found:
            found = run_check(check, evidence)
            red = [entry for entry in found if entry.level == "fail" or self.settings.strict]
            return _Found(red, [entry for entry in found if entry not in red])

        return self._told(case, judged)

    def _gated(self, case: Case, masks: Mapping[str, Masks]) -> CheckResult:
        def judged(evidence: Evidence) -> _Found:
            compared = ComparedRun.of_run(evidence.run)
            verdicts = judge_metric(self.pipeline, compared, case.metric, masks=masks)
            failed, origin = degenerate(compared.rows), GateOrigin.of_run(evidence.run)
            self.gates += [gate_record(verdict, origin, name=name, failed=failed) for name, verdict in verdicts.items()]
            if reason := ungated(self.pipeline, case.metric, verdicts):
                raise NotApplicable(reason)
            found = _Found([], [])
            for verdict in verdicts.values():
                fails = verdict.status == "fail" or (self.settings.strict and verdict.status == "inconclusive")
                (found.red if fails else found.warnings).extend(verdict.findings)
            return found

        return self._told(case, judged)

    def _told(self, case: Case, ask: Callable[[Evidence], _Found]) -> CheckResult:
        evidence, check = self.evidence[case.engine], case.check.id
        try:
            with quiet_libraries(), isolated(int(evidence.environment["threads"])):
                found = ask(evidence)
        except NotApplicable as reason:
            return CheckResult(check, case.engine, "skipped", reason=str(reason))
        except CheckFailure as failure:
            if any(entry.check == check for entry in failure.findings):
                return CheckResult(check, case.engine, "failed", tuple(failure.findings))
            self.untold.append((case.engine, failure))
            first = failure.findings[0]
            reason_words = f"not judged because of {first.check}: {first.observed}"
            return CheckResult(check, case.engine, "skipped", reason=reason_words)
        return CheckResult(
            check, case.engine, "failed" if found.red else "passed", tuple(found.red), tuple(found.warnings)
        )

    def _with_untold(self, results: list[CheckResult]) -> list[CheckResult]:
        """Let what ended a run be told once, where no chosen check is about that."""
        told = {found.check for result in results if result.outcome == "failed" for found in result.findings}
        for engine, failure in self.untold:
            if told.isdisjoint(found.check for found in failure.findings):
                first = failure.findings[0].check
                results.append(CheckResult(first, engine, "failed", tuple(failure.findings)))
                told.add(first)
        return results
