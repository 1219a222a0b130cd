"""The command line: adds the table of options to pytest's options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.option_table import LISTS, OPTIONS, help_of_list

if TYPE_CHECKING:
    import pytest


def add_options(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("ftcheck", "regression checks for fine-tuned models")
    for flag, dest, arguments in OPTIONS:
        group.addoption(f"--ftcheck-{flag}", dest=f"ftcheck_{dest}", default=None, **arguments)
    for option, shown in LISTS.items():
        dest = option.removeprefix("--").replace("-", "_")
        group.addoption(option, action="store_true", dest=dest, help=help_of_list(shown))


def given_options(config: pytest.Config) -> dict[str, Any]:
    """Return the values of the options by `Settings` field; None where an option was not given."""
    return {dest: config.getoption(f"ftcheck_{dest}") for _, dest, _ in OPTIONS}
