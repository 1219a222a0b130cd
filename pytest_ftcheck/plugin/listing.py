"""``--ftcheck-list``, ``--ftcheck-list-checks``, ``--ftcheck-explain`` and ``--ftcheck-dry-run``."""

from __future__ import annotations

import shutil
import sys

import pytest

from pytest_ftcheck.configuration import make_settings
from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.judging.effects import beside_lists
from pytest_ftcheck.option_table import SHOWN
from pytest_ftcheck.plugin.options import given_on_command_line, given_options


def print_list(config: pytest.Config) -> int | None:
    """Print a list, if that was requested; return the exit code, None where a session follows.

    Raises:
        pytest.UsageError: an option beside it has no effect, or the configuration file is wrong.

    """
    listed = [option for option in SHOWN if config.getoption(option.removeprefix("--").replace("-", "_"))]
    if message := beside_lists(listed, given_on_command_line(config)):
        raise pytest.UsageError(message)
    if not listed:
        return None
    try:
        text = _text(config)
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error
    sys.stdout.write(text + "\n")
    return 0


def _text(config: pytest.Config) -> str:
    from pytest_ftcheck.judging.listing import explained_check, listed_cards, listed_checks  # noqa: PLC0415 - if listed

    width = shutil.get_terminal_size().columns
    if config.getoption("ftcheck_list"):
        return listed_cards(config.rootpath)
    if config.getoption("ftcheck_dry_run"):
        from pytest_ftcheck.judging.plan import planned  # noqa: PLC0415 - slow to import

        return planned(make_settings(given_options(config), config.rootpath), width=width)
    if check := config.getoption("ftcheck_explain"):
        return explained_check(check)
    words = make_settings(given_options(config), config.rootpath).checks
    return listed_checks(words, color=sys.stdout.isatty(), width=width)
