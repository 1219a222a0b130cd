"""Finds options of the command line that no test uses; `judging.effects` has the table of effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker
from pytest_ftcheck.judging.effects import without_use
from pytest_ftcheck.plugin.options import given_on_command_line
from pytest_ftcheck.plugin.report import is_own_use
from pytest_ftcheck.plugin.session import SESSION

if TYPE_CHECKING:
    from pytest_ftcheck.settings import Settings


def check_use(session: pytest.Session) -> None:
    """Refuse options that no collected test uses; with pytest-xdist, only the workers collect."""
    ours = session.config.stash.get(SESSION, None)
    if ours is None or is_worker(session.config) or not session.items:
        return
    if message := unused_options(session.config, ours.settings, used=any(map(is_own_use, session.items))):
        raise pytest.UsageError(message)


def unused_options(config: pytest.Config, settings: Settings, *, used: bool) -> str:
    """Return a message about options of this command line that no test used; see `without_use`."""
    return without_use(settings, given_on_command_line(config), used=used)
