"""``--ftcheck-list``."""

from __future__ import annotations

import sys

import pytest

from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.report.header import card_lines
from pytest_ftcheck.settings import read_config
from pytest_ftcheck.tasks.card import known_cards


def print_cards(config: pytest.Config) -> int:
    """Print every task card; return the exit code."""
    try:
        cards = known_cards(read_config(config.rootpath).get("tasks", {}))
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error
    sys.stdout.write("\n".join(card_lines(cards)) + "\n")
    return 0
