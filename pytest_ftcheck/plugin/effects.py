"""Options without an effect, asked of pytest's command line; which have one stands in `judging.effects`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker
from pytest_ftcheck.judging.effects import beside_lists, without_use
from pytest_ftcheck.option_table import FLAGS, LISTS
from pytest_ftcheck.plugin.report import is_own_use
from pytest_ftcheck.plugin.session import SESSION

if TYPE_CHECKING:
    from pytest_ftcheck.settings import Settings


def given_on_command_line(config: pytest.Config) -> tuple[str, ...]:
    """Return the `Settings` fields of the options that stand on this command line.

    What ``addopts`` or ``PYTEST_ADDOPTS`` gives holds for all sessions of a project, also those without us.
    """
    words = [str(word).partition("=")[0] for word in config.invocation_params.args]
    return tuple(name for name, flag in FLAGS.items() if flag in words)


def check_listing(config: pytest.Config) -> None:
    """Refuse options beside one that lists something and ends: they would be forgotten."""
    listed = [option for option in LISTS if config.getoption(option.removeprefix("--").replace("-", "_"))]
    if told := beside_lists(listed, given_on_command_line(config)):
        raise pytest.UsageError(told)


def check_use(session: pytest.Session) -> None:
    """Refuse options that no collected test makes use of; with pytest-xdist, only the workers collect."""
    ours = session.config.stash.get(SESSION, None)
    if ours is None or is_worker(session.config) or not session.items:
        return
    if told := unused_options(session.config, ours.settings, used=any(map(is_own_use, session.items))):
        raise pytest.UsageError(told)


def unused_options(config: pytest.Config, settings: Settings, *, used: bool) -> str:
    """Say which options of this command line nobody made use of; see `without_use`."""
    return without_use(settings, given_on_command_line(config), used=used)
