"""The command line: adds the table of options to pytest's options, and reads what was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.option_groups import grouped_options
from pytest_ftcheck.option_table import FLAGS, OPTIONS

if TYPE_CHECKING:
    import pytest


def add_options(parser: pytest.Parser) -> None:
    """Declare the options."""
    for title, options in grouped_options().items():
        group = parser.getgroup(f"ftcheck {title}", f"ftcheck: {title}")
        for option, dest, arguments in options:
            if dest is None:
                group.addoption(option, dest=option.removeprefix("--").replace("-", "_"), **arguments)
            else:
                group.addoption(option, dest=f"ftcheck_{dest}", default=None, **arguments)


def given_options(config: pytest.Config) -> dict[str, Any]:
    """Return the values of the options by `Settings` field; None where an option was not given."""
    return {dest: config.getoption(f"ftcheck_{dest}") for _, dest, _ in OPTIONS}


def given_on_command_line(config: pytest.Config) -> tuple[str, ...]:
    """Return the `Settings` fields of the options on this command line.

    Options from ``addopts`` or ``PYTEST_ADDOPTS`` do not count: they apply to all sessions of a project, also to
    sessions without this plugin.
    """
    words = [str(word).partition("=")[0] for word in config.invocation_params.args]
    return tuple(name for name, flag in FLAGS.items() if flag in words)
