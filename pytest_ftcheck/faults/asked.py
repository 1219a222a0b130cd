"""What checks say of one pipeline, planted or not."""

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
    """What a check said of a pipeline."""

    state: State
    """``red before``: it was red without the fault too, and proves nothing."""
    reason: str = ""
    """Of what is red, the first finding; of what is skipped, why."""


class AskedChecks:
    """Asks checks about one pipeline, each once; a run that breaks off is red for the checks that it names."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._verdicts: dict[str, CheckAnswer] = {}
        self._broken: dict[str, CheckAnswer] = {}
        """By the ids that the findings of a broken run name."""

    @property
    def verdicts(self) -> dict[str, CheckAnswer]:
        """All that was found so far."""
        return self._verdicts | self._broken

    def ask(self, check: Check) -> CheckAnswer:
        """Return what a check says."""
        if check.id not in self._verdicts:
            self._verdicts[check.id] = self._judge(check)
        return self.verdicts[check.id]

    def adopt(self, verdicts: Mapping[str, CheckAnswer]) -> None:
        """Take over what was said of the same parts."""
        self._verdicts |= verdicts

    def _judge(self, check: Check) -> CheckAnswer:
        threads = int(self.evidence.environment["threads"])
        try:
            # What a defect makes the libraries say is no news here.
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
