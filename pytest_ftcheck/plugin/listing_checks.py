"""``--ftcheck-list-checks``; as a script, it writes the page of all checks: ``docs/checks.md``."""

from __future__ import annotations

import shutil
import sys

import pytest

from pytest_ftcheck.configuration import make_settings
from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.plugin.checks import choose, suite_catalogue
from pytest_ftcheck.plugin.options import given_options
from pytest_ftcheck.report.checks import checks_page, checks_table


def print_checks(config: pytest.Config) -> int:
    """Print the checks that ``--ftcheck-checks`` chooses, without it all of them; return the exit code."""
    try:
        settings = make_settings(given_options(config), config.rootpath)
        chosen = choose(suite_catalogue(), settings.checks)
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error
    width = shutil.get_terminal_size().columns
    sys.stdout.write(checks_table(chosen, color=sys.stdout.isatty(), width=width) + "\n")
    return 0


if __name__ == "__main__":
    sys.stdout.write(checks_page(suite_catalogue()))
