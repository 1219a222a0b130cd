"""``--ftcheck-faults``: a fault is planted in the pipeline at hand, and a check that is listed for it turns red."""

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
    """What proves faults, one for each task, so that checks run once without a fault."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session
        self._provers: dict[str, Prover] = {}

    def prove(self, pipeline: Pipeline, variant: Variant, fault: Fault, notes: Notes) -> str:
        """Plant a fault, run the checks, and note what became of it.

        Returns:
            Why it cannot be planted; empty where it can.

        Raises:
            CheckFailure: no check that is listed for it turned red.

        """
        proof = self._of(pipeline, variant).prove(fault, variant.engine)
        record = proof.to_record()
        notes.told["faults"] = [plain(record)]
        if not proof.not_applicable and not proof.caught:
            finding = Finding(
                check=f"fault {fault.name}",
                subject=f"{pipeline.subject}, engine {variant.engine}",
                expected=f"{' or '.join(fault.caught_by)} red: {fault.meaning}",
                observed=f"it survived: {survivor_line(record)}",
                hint="a defect of this kind would not be noticed here: give the checks what they lack (raw text, a "
                "tokenizer, more rows or steps), or tighten their limits in the card.",
            )
            raise CheckFailure([finding])
        return proof.not_applicable

    def _of(self, pipeline: Pipeline, variant: Variant) -> Prover:
        if variant.task not in self._provers:
            # Beside the session's runs: with --ftcheck-reuse, nobody should find a run with a fault.
            folder = self._session.host.folder().with_name("ftcheck-faults")
            folder.mkdir(parents=True, exist_ok=True)
            checks = {check.id: check for check in self._session.checks}
            if FLOOR.id in checks:
                checks[FLOOR.id] = gates_for_proofs(self._session, variant.seed).check()
            evidence_of = evidence_for(self._session.settings, seed=variant.seed)
            self._provers[variant.task] = Prover(pipeline, evidence_of, checks, folder=folder)
        return self._provers[variant.task]
