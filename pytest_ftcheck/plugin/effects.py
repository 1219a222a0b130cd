"""Finds options without an effect on pytest's command line; `judging.effects` has the table of effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker
from pytest_ftcheck.judging.effects import beside_lists, without_use
from pytest_ftcheck.option_table import FLAGS, SHOWN
from pytest_ftcheck.plugin.report import is_own_use
from pytest_ftcheck.plugin.session import SESSION

if TYPE_CHECKING:
    from pytest_ftcheck.settings import Settings


def given_on_command_line(config: pytest.Config) -> tuple[str, ...]:
    """Return the `Settings` fields of the options on this command line.

    Options from ``addopts`` or ``PYTEST_ADDOPTS`` do not count: they apply to all sessions of a project, also to
    sessions without this plugin.
    """
    words = [str(word).partition("=")[0] for word in config.invocation_params.args]
    return tuple(name for name, flag in FLAGS.items() if flag in words)


def check_listing(config: pytest.Config) -> bool:
    """Tell whether an option asks for a list; refuse options beside it that it would ignore."""
    listed = [option for option in SHOWN if config.getoption(option.removeprefix("--").replace("-", "_"))]
    if told := beside_lists(listed, given_on_command_line(config)):
        raise pytest.UsageError(told)
    return bool(listed)


def check_use(session: pytest.Session) -> None:
    """Refuse options that no collected test uses; with pytest-xdist, only the workers collect."""
    ours = session.config.stash.get(SESSION, None)
    if ours is None or is_worker(session.config) or not session.items:
        return
    if told := unused_options(session.config, ours.settings, used=any(map(is_own_use, session.items))):
        raise pytest.UsageError(told)


def unused_options(config: pytest.Config, settings: Settings, *, used: bool) -> str:
    """Return a message about options of this command line that no test used; see `without_use`."""
    return without_use(settings, given_on_command_line(config), used=used)
