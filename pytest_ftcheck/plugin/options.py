"""The command line: adds the table of options to pytest's options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.option_table import OPTIONS, SHOWN

if TYPE_CHECKING:
    import pytest


def add_options(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("ftcheck", "regression checks for fine-tuned models")
    for flag, dest, arguments in OPTIONS:
        group.addoption(f"--ftcheck-{flag}", dest=f"ftcheck_{dest}", default=None, **arguments)
    for option, arguments in SHOWN.items():
        group.addoption(option, dest=option.removeprefix("--").replace("-", "_"), **arguments)


def given_options(config: pytest.Config) -> dict[str, Any]:
    """Return the values of the options by `Settings` field; None where an option was not given."""
    return {dest: config.getoption(f"ftcheck_{dest}") for _, dest, _ in OPTIONS}
