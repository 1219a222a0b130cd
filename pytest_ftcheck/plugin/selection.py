"""What is asked for by name, looked at before torch is imported: checks, faults, factories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.faults.fault import check_names
from pytest_ftcheck.judging.selection import check_ids_of_card, choose_ids, costs
from pytest_ftcheck.pipeline.factory import check_spec

if TYPE_CHECKING:
    from pytest_ftcheck.plugin.session import FtcheckSession


def check_selection(session: FtcheckSession) -> None:
    """Refuse what the command line and the cards of the selected tasks name and is not there.

    Raises:
        FtcheckError: no such check, fault or factory.

    """
    settings, known = session.settings, costs()
    choose_ids(known, settings.checks)
    check_names(settings.faults)
    for task in settings.tasks:
        table = session.table(task)
        check_ids_of_card(task, table.get("checks", ()), known)
        if "trainer" in table:
            check_spec(table["trainer"], settings.rootdir)
