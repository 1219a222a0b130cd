"""What a session would train and judge, listed without training (``--ftcheck-dry-run``)."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import COSTS
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.judging.checks import cases_of_family, expected_of, gate_cases, suite_catalogue
from pytest_ftcheck.judging.prepare import check_everything, check_selection, choose_checks, header_of
from pytest_ftcheck.printable import printable
from pytest_ftcheck.report.plan import Plan, plan_lines
from pytest_ftcheck.sessions.session import Host, start_session
from pytest_ftcheck.training.recorder import silent

if TYPE_CHECKING:
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.settings import Settings


def planned(settings: Settings, *, width: int) -> str:
    """Build and validate every part of the selected tasks, and render what a session would do with them.

    Args:
        settings: of the session.
        width: of the terminal, in columns.

    Raises:
        FtcheckError: no task is selected, or a task, an option or a part is wrong.

    """
    with tempfile.TemporaryDirectory(prefix="ftcheck-plan-") as folder:
        host = Host(lambda: Path(folder), lambda: Path(tempfile.mkdtemp(dir=folder)), lambda: nullcontext(silent))
        session = start_session(settings, host)
        if not session.settings.tasks:
            msg = "--ftcheck-dry-run needs a task: give --ftcheck-task=NAME or --ftcheck-trainer=path/train.py:factory."
            raise SettingsError(msg)
        check_selection(session)
        choose_checks(session)
        check_everything(session)
        lines = header_of(session)
        for task in session.settings.tasks:
            lines += ["", *plan_lines(_plan_of(session, task), width=width)]
    return "\n".join(map(printable, lines))


def _plan_of(session: FtcheckSession, task: str) -> Plan:
    """Sort the checks of a task: judged by cost, skipped by its card, not for its kind of labels, or not chosen."""
    settings, card = session.settings, session.card(task)
    expected = expected_of(session.checks, settings, card)
    families = dict.fromkeys(check.family for check in expected)
    cases = [case for family in families for case in cases_of_family(settings, expected, family)]
    judged = [case.check for case in cases if case.check.id not in card.skipped]
    known = suite_catalogue()
    chosen = {check.id for check in session.checks}
    return Plan(
        task=task,
        trains=session.pipeline(task).trains,
        engines=settings.engines,
        seeds=settings.seeds,
        gates=tuple(dict.fromkeys(case.metric for case in gate_cases(settings, session.checks, card.gated_metrics))),
        judged={cost: tuple(dict.fromkeys(check.id for check in judged if check.cost == cost)) for cost in COSTS},
        skipped={name: why for name, why in card.skipped.items() if name in chosen},
        of_other_tasks=len(session.checks) - len(expected),
        not_chosen=tuple(name for name in known if name not in chosen),
    )
