"""``--ftcheck-list``, ``--ftcheck-list-checks``, ``--ftcheck-explain`` and ``--ftcheck-dry-run``."""

from __future__ import annotations

import shutil
import sys

import pytest

from pytest_ftcheck.configuration import make_settings
from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.judging.listing import explained_check, listed_cards, listed_checks
from pytest_ftcheck.plugin.options import given_options


def print_list(config: pytest.Config) -> int:
    """Print what was asked for; return the exit code."""
    try:
        if config.getoption("ftcheck_list"):
            text = listed_cards(config.rootpath)
        elif config.getoption("ftcheck_dry_run"):
            from pytest_ftcheck.judging.plan import planned  # noqa: PLC0415 - slow to import

            settings = make_settings(given_options(config), config.rootpath)
            text = planned(settings, width=shutil.get_terminal_size().columns)
        elif check := config.getoption("ftcheck_explain"):
            text = explained_check(check)
        else:
            words = make_settings(given_options(config), config.rootpath).checks
            text = listed_checks(words, color=sys.stdout.isatty(), width=shutil.get_terminal_size().columns)
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error
    sys.stdout.write(text + "\n")
    return 0
