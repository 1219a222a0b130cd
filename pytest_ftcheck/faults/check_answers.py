"""Results of checks for one pipeline, with or without a fault."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_ftcheck.checks.catalogue import NotApplicable, run_check
from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.training.determinism import isolated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.checks.evidence import Evidence

State = Literal["red", "red before", "green", "skipped", "not run"]


@dataclass(frozen=True)
class CheckAnswer:
    """Result of a check for a pipeline."""

    state: State
    """``red before``: the check also fails without the fault, so it proves nothing."""
    reason: str = ""
    """First finding of a failed check, or reason of a skipped one."""


class CheckAnswers:
    """Runs checks on one pipeline, each once; if the run breaks, the checks that its findings name fail."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._verdicts: dict[str, CheckAnswer] = {}
        self._broken: dict[str, CheckAnswer] = {}
        """Findings of a run that stopped with an error, by id of the check."""

    @property
    def verdicts(self) -> dict[str, CheckAnswer]:
        """All results so far."""
        return self._verdicts | self._broken

    def answer(self, check: Check) -> CheckAnswer:
        """Return the result of a check."""
        if check.id not in self._verdicts:
            self._verdicts[check.id] = self._judge(check)
        return self.verdicts[check.id]

    def adopt(self, verdicts: Mapping[str, CheckAnswer]) -> None:
        """Copy the results for the same parts."""
        self._verdicts |= verdicts

    def _judge(self, check: Check) -> CheckAnswer:
        threads = int(self.evidence.environment["threads"])
        try:
            # Warnings that the libraries give because of the defect are expected.
            with warnings.catch_warnings(), quiet_libraries(), isolated(threads):
                warnings.simplefilter("ignore")
                findings = [found for found in run_check(check, self.evidence) if found.level == "fail"]
        except NotApplicable as reason:
            return CheckAnswer("skipped", str(reason))
        except CheckFailure as failure:
            for finding in failure.findings:
                self._broken.setdefault(finding.check, CheckAnswer("red", finding.observed))
            first = failure.findings[0]
            return CheckAnswer("not run", f"the run broke: {first.check}, {first.observed}")
        except FtcheckError as error:
            return CheckAnswer("red", f"{type(error).__name__}: {error}")
        return CheckAnswer("red", findings[0].observed) if findings else CheckAnswer("green")
