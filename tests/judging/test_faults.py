"""A fault is planted, and a check that is listed for it fails; otherwise the fault survives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import catalogue
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.judging.faults import Provers
from pytest_ftcheck.judging.notes import Notes
from pytest_ftcheck.sessions.variants import Variant

if TYPE_CHECKING:
    from pytest_ftcheck.sessions.session import FtcheckSession
    from tests.judging.conftest import MakeSession

MANUAL = Variant("sst2", "manual", 0)


def with_checks(session: FtcheckSession, *names: str) -> FtcheckSession:
    """Choose a few checks that look at batches alone."""
    session.checks = tuple(catalogue()[name] for name in names)
    return session


def prove(session: FtcheckSession, fault: str) -> tuple[str, dict[str, Any]]:
    """Plant a fault; return why it cannot be planted, and its record."""
    notes = Notes()
    (planted,) = select_faults([fault])
    reason = Provers(session).prove(session.pipeline("sst2"), MANUAL, planted, notes)
    (record,) = notes.values["faults"]
    return reason, record


def test_a_fault_that_is_caught_is_noted(make_session: MakeSession) -> None:
    reason, record = prove(with_checks(make_session(), "collator.labels", "collator.mask"), "labels_of_the_neighbour")
    assert reason == ""
    assert (record["outcome"], record["task"], record["engine"]) == ("caught", "sst2", "manual")
    assert "collator.labels" in record["caught"]


def test_a_fault_that_no_check_notices_is_red_and_says_what_each_listed_one_said(make_session: MakeSession) -> None:
    with pytest.raises(CheckFailure) as caught:
        prove(with_checks(make_session(), "collator.mask"), "labels_of_the_neighbour")
    (finding,) = caught.value.findings
    assert finding.check == "fault labels_of_the_neighbour"
    assert finding.subject.endswith(", engine manual")
    assert "collator.labels red: " in finding.expected or " or " in finding.expected
    assert finding.observed.startswith("the fault survived: labels_of_the_neighbour in sst2 manual: ")
    assert "collator.labels did not run" in finding.observed


def test_a_fault_that_does_not_apply_says_why_and_is_no_failure(make_session: MakeSession) -> None:
    reason, record = prove(with_checks(make_session(), "collator.mask"), "scores_rounded")
    assert "this task has classes" in reason
    assert (record["outcome"], record["not_applicable"]) == ("n.a.", reason)


def test_a_task_has_one_prover_beside_the_runs_of_the_session(make_session: MakeSession) -> None:
    session = with_checks(make_session(), "collator.labels")
    provers, notes = Provers(session), Notes()
    (fault,) = select_faults(["labels_of_the_neighbour"])
    for _ in range(2):
        provers.prove(session.pipeline("sst2"), MANUAL, fault, notes)
    folder = session.host.folder()
    assert list(provers._provers) == ["sst2"]
    assert folder.with_name("ftcheck-faults").is_dir()
    assert not folder.exists()
