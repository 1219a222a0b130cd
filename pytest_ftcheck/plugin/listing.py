"""``--ftcheck-list``, ``--ftcheck-list-checks`` and ``--ftcheck-explain``."""

from __future__ import annotations

import shutil
import sys

import pytest

from pytest_ftcheck.configuration import make_settings
from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.judging.listing import explained_check, listed_cards, listed_checks
from pytest_ftcheck.plugin.options import given_options


def print_list(config: pytest.Config) -> int:
    """Print the task cards or the checks; return the exit code."""
    try:
        if config.getoption("ftcheck_list"):
            text = listed_cards(config.rootpath)
        elif check := config.getoption("ftcheck_explain"):
            text = explained_check(check)
        else:
            words = make_settings(given_options(config), config.rootpath).checks
            text = listed_checks(words, color=sys.stdout.isatty(), width=shutil.get_terminal_size().columns)
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error
    sys.stdout.write(text + "\n")
    return 0
