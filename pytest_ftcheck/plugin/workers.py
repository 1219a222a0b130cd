"""Sends the runs that may be accepted from the workers of pytest-xdist to the process that has the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_ftcheck.sessions.session import FtcheckSession

_SENT = "ftcheck_baselines"


class SentBaselines:
    """Gathers the records of the baseline from all processes."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the records of a worker."""
        sent = getattr(node, "workeroutput", {}).get(_SENT)
        if sent:
            self._session.open_baselines().receive(sent)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send the records of this worker."""
        if hasattr(session.config, "workeroutput") and self._session.baselines is not None:
            session.config.workeroutput[_SENT] = self._session.baselines.to_send()
