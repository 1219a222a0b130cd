"""The notes of one test, in plain values, because they are sent between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.report.plain import plain
from pytest_ftcheck.report.runs import run_name, run_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import GateRecord
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.report.figures.records import RunFigures
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True)
class Notes:
    """The notes of a test, and its properties for the JUnit report."""

    values: dict[str, Any] = field(default_factory=dict)
    properties: list[tuple[str, object]] = field(default_factory=list)

    @property
    def case(self) -> dict[str, Any]:
        """Task, check, engine and seed of a test of the suite; empty for any other test."""
        case: dict[str, Any] = self.values.get("case", {})
        return case

    def run(self, run: Run, pipeline: Pipeline, of_store: Iterable[str] | None = None) -> None:
        """Note the run that the test used, and the notes of the run store."""
        self.values.setdefault("runs", {})[run_name(run)] = plain(run_record(run, pipeline))
        if of_store is not None:
            self.values["notes"] = list(of_store)

    def figures(self, figures: RunFigures) -> None:
        """Note what the report page draws of a run."""
        self.values.setdefault("figures", []).append(plain(figures))

    def left_to(self, nodeid: str) -> None:
        """Note the test that must fail, because this test leaves the report of a failure to it."""
        self.values["left_to"] = nodeid

    def warnings(self, findings: Iterable[Finding]) -> None:
        """Note findings of the test that do not fail."""
        for found in findings:
            self.values.setdefault("warnings", []).append(plain(found))
            self.properties.append(
                ("warning", f"{found.subject}: expected {found.expected}, observed {found.observed}")
            )

    def findings(self, findings: Sequence[Finding]) -> None:
        """Note findings that fail."""
        self.values["findings"] = plain(list(findings))

    def gates(self, records: Iterable[GateRecord]) -> None:
        """Note the verdicts on a metric."""
        for record in records:
            self.values.setdefault("gates", []).append(plain(record))
            shown = f"{record.metric}[{record.slice}]" if record.slice else record.metric
            self.properties.append((shown, record.value))
            if record.floor is not None:
                self.properties.append((f"{shown}_{record.limits.kind}", record.floor))
