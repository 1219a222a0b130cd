"""``--ftcheck-list-checks``; as a script, it writes the page of all checks: ``docs/checks.md``."""

from __future__ import annotations

import shutil
import sys

import pytest

from pytest_ftcheck.configuration import make_settings
from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.judging.selection import choose_ids, costs
from pytest_ftcheck.plugin.options import given_options


def print_checks(config: pytest.Config) -> int:
    """Print the checks that ``--ftcheck-checks`` chooses, without it all of them; return the exit code."""
    try:
        settings = make_settings(given_options(config), config.rootpath)
        chosen = choose_ids(costs(), settings.checks, opted_in=True)
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error
    from pytest_ftcheck.judging.checks import suite_catalogue  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.report.checks import checks_table  # noqa: PLC0415 - slow to import

    known = suite_catalogue()
    width = shutil.get_terminal_size().columns
    sys.stdout.write(checks_table([known[name] for name in chosen], color=sys.stdout.isatty(), width=width) + "\n")
    return 0


if __name__ == "__main__":
    from pytest_ftcheck.judging.checks import suite_catalogue
    from pytest_ftcheck.report.checks import checks_page

    sys.stdout.write(checks_page(suite_catalogue()))
