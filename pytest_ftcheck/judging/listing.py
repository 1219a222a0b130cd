"""Lists of task cards and checks; run as a script, this module writes the page of all checks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_ftcheck.configuration import read_config
from pytest_ftcheck.errors import SettingsError, closest
from pytest_ftcheck.judging.selection import choose_ids, costs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def listed_cards(rootdir: Path) -> str:
    """Render every task card, bundled ones and those of a project.

    Raises:
        FtcheckError: the configuration file or a card is wrong.

    """
    from pytest_ftcheck.report.header import card_lines, trainer_lines  # noqa: PLC0415 - only where asked for
    from pytest_ftcheck.tasks.card import known_tables, parse_card  # noqa: PLC0415 - as above

    tables = known_tables(read_config(rootdir).get("tasks", {}))
    lines = [
        line
        for name, table in sorted(tables.items())
        for line in (trainer_lines(name, table) if "trainer" in table else card_lines(parse_card(name, table)))
    ]
    return "\n".join(lines)


def listed_checks(words: Iterable[str], *, color: bool, width: int) -> str:
    """Render the checks that some words choose; all checks without words.

    Args:
        words: values of ``--ftcheck-checks``.
        color: with ANSI colours.
        width: width of the terminal, in columns.

    Raises:
        SettingsError: unknown family or check.

    """
    chosen = choose_ids(costs(), words, opted_in=True)
    from pytest_ftcheck.judging.checks import suite_catalogue  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.report.checks import checks_table  # noqa: PLC0415 - slow to import

    known = suite_catalogue()
    return checks_table([known[name] for name in chosen], color=color, width=width)


def explained_check(name: str) -> str:
    """Render one check: what it requires, its likely causes, what to do, how to move or skip it.

    Raises:
        SettingsError: no such check, with the closest match.

    """
    from pytest_ftcheck.checks.cause_table import explains  # noqa: PLC0415 - as below
    from pytest_ftcheck.faults.fault import faults  # noqa: PLC0415 - as below
    from pytest_ftcheck.judging.checks import suite_catalogue  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.report.explain import explained  # noqa: PLC0415 - as above

    known = suite_catalogue()
    if name not in known:
        msg = f"unknown check {name!r}.{closest(name, known)} --ftcheck-list-checks shows them all."
        raise SettingsError(msg)
    return explained(
        known[name],
        explained_by=[other for other in known if explains(other, name)],
        explains=[other for other in known if explains(name, other)],
        faults=[fault.name for fault in faults().values() if name in fault.caught_by],
    )


if __name__ == "__main__":
    from pytest_ftcheck.judging.checks import suite_catalogue
    from pytest_ftcheck.report.checks import checks_page

    sys.stdout.write(checks_page(suite_catalogue()))
