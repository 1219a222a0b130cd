"""``--ftcheck-list``: the task cards."""

from __future__ import annotations

import sys

import pytest

from pytest_ftcheck.configuration import read_config
from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.report.header import card_lines, trainer_lines
from pytest_ftcheck.tasks.card import known_tables, parse_card


def print_cards(config: pytest.Config) -> int:
    """Print every task card; return the exit code."""
    try:
        tables = known_tables(read_config(config.rootpath).get("tasks", {}))
        lines = [
            line
            for name, table in sorted(tables.items())
            for line in (trainer_lines(name, table) if "trainer" in table else card_lines(parse_card(name, table)))
        ]
    except FtcheckError as error:
        raise pytest.UsageError(str(error)) from error
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
