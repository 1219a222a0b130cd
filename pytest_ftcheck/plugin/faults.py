"""``--ftcheck-faults``: plant every fault in the pipeline at hand, and see that a check turns red."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import terminal_writer
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.reports import reports_of
from pytest_ftcheck.plugin.session import session_folder, session_of
from pytest_ftcheck.plugin.task_module import TaskModule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.faults.fault import Fault
    from pytest_ftcheck.faults.prove import Prover
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant

_PROVERS = pytest.StashKey[dict[str, "Prover"]]()
_TABLE_COLUMNS = 120


def fault_items(session: pytest.Session, task: str) -> Iterator[pytest.Item]:
    """Collect a test per fault and engine for a task."""
    for item, callspec in TaskModule.of_task(session, task, "faults").cases():
        parameters = callspec.params
        engine, seed = parameters["ft_variant"]
        notes_of(item)["case"] = {
            "task": task,
            "check": f"fault {parameters['ft_fault'].name}",
            "cost": "fault",
            "engine": engine,
            "seed": seed,
        }
        yield item


def parametrize_faults(metafunc: pytest.Metafunc) -> None:
    """Run the test once per chosen fault and engine, with the first seed."""
    from pytest_ftcheck.faults.fault import select_faults  # noqa: PLC0415 - imports torch and transformers

    settings = session_of(metafunc.config).settings
    cases = [(fault, engine) for fault in select_faults(settings.faults) for engine in settings.engines]
    metafunc.parametrize(
        ("ft_fault", "ft_variant"),
        [(fault, (engine, settings.seeds[0])) for fault, engine in cases],
        ids=[f"{fault.name}-{engine}" for fault, engine in cases],
        indirect=["ft_variant"],
    )


def prove_fault(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, variant: Variant, fault: Fault
) -> None:
    """Plant a fault and run the checks; skip the test where it has no place.

    Raises:
        CheckFailure: no check that is listed for it turned red.

    """
    proof = _prover(request.config, session, pipeline, variant).prove(fault, variant.engine)
    record = proof.to_record()
    notes_of(request.node)["faults"] = [record]
    if proof.not_applicable:
        pytest.skip(f"it cannot be planted: {proof.not_applicable}")
    if not proof.caught:
        from pytest_ftcheck.report.faults import survivor_line  # noqa: PLC0415 - imports rich

        finding = Finding(
            check=f"fault {fault.name}",
            subject=f"{pipeline.subject}, engine {variant.engine}",
            expected=f"{' or '.join(fault.caught_by)} red: {fault.meaning}",
            observed=f"it survived: {survivor_line(record)}",
            hint="a defect of this kind would not be noticed here: give the checks what they lack (raw text, a "
            "tokenizer, more rows or steps), or tighten their limits in the card.",
        )
        raise CheckFailure([finding])


def _prover(config: pytest.Config, session: FtcheckSession, pipeline: Pipeline, variant: Variant) -> Prover:
    """Return what proves faults in a task's pipeline: one for all, so that checks run once without a fault."""
    from pytest_ftcheck.checks.evidence_of import evidence_for  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.faults.prove import Prover  # noqa: PLC0415 - slow to import

    provers = config.stash.setdefault(_PROVERS, {})
    if variant.task not in provers:
        # Beside the session's runs: with --ftcheck-reuse, nobody should find a run with a fault.
        folder = session_folder(config).with_name("ftcheck-faults")
        folder.mkdir(parents=True, exist_ok=True)
        checks = {check.id: check for check in session.checks}
        evidence_of = evidence_for(session.settings, seed=variant.seed)
        provers[variant.task] = Prover(pipeline, evidence_of, checks, folder=folder)
    return provers[variant.task]


class FaultOutcome:
    """Shows the proofs of all processes at the end."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the matrix of faults and checks, the detection rate, and what survived."""
        records = reports_of(terminalreporter.config).told("faults")
        if not records:
            return
        from pytest_ftcheck.report.faults import faults_lines, faults_table  # noqa: PLC0415 - imports rich

        terminalreporter.section("ftcheck: planted faults", "=")
        writer = terminal_writer(terminalreporter)
        width = max(writer.fullwidth, _TABLE_COLUMNS)
        terminalreporter.write_line(faults_table(records, color=writer.hasmarkup, width=width))
        for line in faults_lines(records):
            terminalreporter.write_line(line)
