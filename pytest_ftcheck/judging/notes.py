"""What one test tells: notes in plain values, because they travel between processes."""

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
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True)
class Notes:
    """The notes of a test, and its properties for the JUnit report."""

    told: dict[str, Any] = field(default_factory=dict)
    properties: list[tuple[str, object]] = field(default_factory=list)

    @property
    def case(self) -> dict[str, Any]:
        """Which check, engine and seed a test of the suite is about; nothing of any other test."""
        case: dict[str, Any] = self.told.get("case", {})
        return case

    def run(self, run: Run, pipeline: Pipeline, of_store: Iterable[str] | None = None) -> None:
        """Note the run that the test looked at, and what the run store said."""
        self.told.setdefault("runs", {})[run_name(run)] = plain(run_record(run, pipeline))
        if of_store is not None:
            self.told["notes"] = list(of_store)

    def left_to(self, nodeid: str) -> None:
        """Note the test that must be red, as this one leaves a failure to it."""
        self.told["left_to"] = nodeid

    def warnings(self, findings: Iterable[Finding]) -> None:
        """Note what the test found and lets pass."""
        for found in findings:
            self.told.setdefault("warnings", []).append(plain(found))
            self.properties.append(
                ("warning", f"{found.subject}: expected {found.expected}, observed {found.observed}")
            )

    def findings(self, findings: Sequence[Finding]) -> None:
        """Note what is red."""
        self.told["findings"] = plain(list(findings))

    def gates(self, records: Iterable[GateRecord]) -> None:
        """Note the verdicts on a metric."""
        for record in records:
            self.told.setdefault("gates", []).append(plain(record))
            shown = f"{record.metric}[{record.slice}]" if record.slice else record.metric
            self.properties.append((shown, record.value))
            if record.floor is not None:
                self.properties.append((f"{shown}_{record.limits.kind}", record.floor))
