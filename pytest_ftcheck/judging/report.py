"""The result of `judge`: printed like the summary in pytest, or as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.causes import likely_causes
from pytest_ftcheck.report.document import JudgedDocument
from pytest_ftcheck.report.groups import group_lines
from pytest_ftcheck.report.json import json_text
from pytest_ftcheck.report.records import CauseRecord, JudgedRecord, found_record, red_record
from pytest_ftcheck.report.summary import check_lines, summary_table, warning_lines
from pytest_ftcheck.report.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.causes import Cause
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import GateRecord
    from pytest_ftcheck.report.records import Outcome, RedRecord
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True)
class CheckResult:
    """The result of one check."""

    check: str
    """Id of the check; ``metrics.floor`` for a gate."""
    engine: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    """Findings that fail."""
    warnings: tuple[Finding, ...] = ()
    """Findings that do not fail."""
    reason: str = ""
    """Why it was skipped; empty where it was not."""


@dataclass(frozen=True)
class Report:
    """The verdict on a fine-tuned model."""

    task: str
    subject: str
    """The task with its checkpoint and its data, in words."""
    results: tuple[CheckResult, ...]
    gates: tuple[GateRecord, ...]
    """One gate for each metric and slice, with and without a limit."""
    runs: Mapping[str, Run]
    """Runs by engine; empty where nothing was trained. Their folders are removed with the report."""

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if result.outcome == "failed")

    @property
    def run(self) -> Run | None:
        """The run of the first engine; None where nothing was trained."""
        return next(iter(self.runs.values()), None)

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """The failed checks that no other failed check explains, the most likely cause first."""
        return tuple(likely_causes({found.check for found in self._red()}))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings that fail, each cause before its consequences."""
        places = [check for cause in self.causes for check in (cause.check, *cause.consequences)]
        return tuple(sorted(self._red(), key=lambda found: places.index(found.check)))

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that do not fail."""
        return tuple(found for result in self.results for found in result.warnings)

    def _red(self) -> list[Finding]:
        return [found for result in self.failed for found in result.findings]

    def __str__(self) -> str:
        """Render causes, the table of metrics, warnings, and checks with the reasons of skipped ones."""
        causes = View().show(group_lines(self._cause_records(), self._red_records()))
        table = [summary_table(self.gates)] if self.gates else []
        return "\n".join([*causes, *table, *warning_lines(self.warnings), *check_lines(self._checks())])

    def to_json(self) -> str:
        """Return the report as a JSON document with the keys of ``--ftcheck-json``."""
        return json_text(
            JudgedDocument(
                tasks=[self.task],
                ok=self.ok,
                gates=list(self.gates),
                warnings=[found_record(found) for found in self.warnings],
                checks=self._checks(),
                findings=self._red_records(),
                causes=self._cause_records(),
            )
        )

    def _red_records(self) -> list[RedRecord]:
        because = {check: cause.check for cause in self.causes for check in cause.consequences}
        return [red_record(found, because.get(found.check)) for found in self.findings]

    def _cause_records(self) -> list[CauseRecord]:
        first = {found.check: found for found in reversed(self.findings)}
        return [
            CauseRecord(
                task=self.task,
                finding=found_record(first[cause.check]),
                consequences=list(cause.consequences),
            )
            for cause in self.causes
        ]

    def _checks(self) -> list[JudgedRecord]:
        return [
            JudgedRecord(
                task=self.task,
                check=result.check,
                engine=result.engine,
                outcome=result.outcome,
                reason=result.reason or None,
            )
            for result in self.results
        ]
