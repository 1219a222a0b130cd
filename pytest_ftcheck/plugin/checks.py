"""The checks of a session: which are chosen, and the tests that stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.judging.checks import cases_of_family, choose, gate_cases, suite_catalogue, validate_card

if TYPE_CHECKING:
    from pytest_ftcheck.judging.checks import Case
    from pytest_ftcheck.plugin.session import FtcheckSession


def prepare(session: FtcheckSession) -> None:
    """Choose the checks of a session, and validate what the selected tasks' cards say of checks.

    Raises:
        FtcheckError: an unknown check or limit, or a Trainer that cannot be made.

    """
    known = suite_catalogue()
    # A planted fault asks the checks that are listed for it, whatever family they are of.
    session.checks = choose(known, session.settings.checks, opted_in=bool(session.settings.faults))
    for task in session.settings.tasks:
        validate_card(session.card(task), known, session.settings.dtype)


def cases(session: FtcheckSession, task: str, function: str) -> list[Case]:
    """List the tests of one function of the suite: ``test_<family>``, or ``test_metric_floor``."""
    if function == "test_metric_floor":
        return gate_cases(session.settings, session.checks, session.card(task).gated_metrics)
    return cases_of_family(session.settings, session.checks, function.removeprefix("test_"))
