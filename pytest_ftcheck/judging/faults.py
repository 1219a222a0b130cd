"""``--ftcheck-faults``: plants a fault in the task's pipeline; a check that is listed for it must fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.evidence_of import evidence_for
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.faults.prove import Prover
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.judging.checks import FLOOR
from pytest_ftcheck.judging.gating import gates_for_proofs
from pytest_ftcheck.report.faults import survivor_line
from pytest_ftcheck.report.plain import plain

if TYPE_CHECKING:
    from pytest_ftcheck.faults.fault import Fault
    from pytest_ftcheck.judging.notes import Notes
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant


class Provers:
    """The provers of faults, one for each task, so that checks run only once without a fault."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session
        self._provers: dict[str, Prover] = {}

    def prove(self, pipeline: Pipeline, variant: Variant, fault: Fault, notes: Notes) -> str:
        """Plant a fault, run the checks, and note the result.

        Returns:
            Why the fault cannot be planted; empty where it can.

        Raises:
            CheckFailure: no check that is listed for the fault failed.

        """
        proof = self._of(pipeline, variant).prove(fault, variant.engine)
        record = proof.to_record()
        notes.values["faults"] = [plain(record)]
        if not proof.not_applicable and not proof.caught:
            finding = Finding(
                check=f"fault {fault.name}",
                subject=f"{pipeline.subject}, engine {variant.engine}",
                expected=f"{' or '.join(fault.caught_by)} fails: {fault.meaning}",
                observed=f"the fault survived: {survivor_line(record)}",
                hint="the checks would not detect a defect of this kind here: provide what they need (raw text, a "
                "tokenizer, more rows or steps), or tighten their thresholds in the card.",
            )
            raise CheckFailure([finding])
        return proof.not_applicable

    def _of(self, pipeline: Pipeline, variant: Variant) -> Prover:
        if variant.task not in self._provers:
            # Not in the run store: with --ftcheck-reuse, no session may find a run with a fault.
            folder = self._session.host.folder().with_name("ftcheck-faults")
            folder.mkdir(parents=True, exist_ok=True)
            checks = {check.id: check for check in self._session.checks}
            if FLOOR.id in checks:
                checks[FLOOR.id] = gates_for_proofs(self._session, variant.seed).check()
            evidence_of = evidence_for(self._session.settings, seed=variant.seed)
            self._provers[variant.task] = Prover(pipeline, evidence_of, checks, folder=folder)
        return self._provers[variant.task]
