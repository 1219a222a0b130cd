"""``--ftcheck-update-baseline`` and what a session says of the baseline: gathered, written and shown at its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import DataError, SettingsError
from pytest_ftcheck.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.plugin.baselines import Baselines
    from pytest_ftcheck.plugin.session import FtcheckSession
    from pytest_ftcheck.settings import Settings

_SENT = "ftcheck_baselines"
_NOT_SET = ("", "0", "false", "False")


def check_update(settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to accept a baseline where nobody looks at it.

    Raises:
        SettingsError: in CI, or with options that accept nothing.

    """
    update = settings.update_baseline
    if settings.reason is not None and not update:
        msg = "--ftcheck-reason says why a baseline is accepted: give it with --ftcheck-update-baseline."
        raise SettingsError(msg)
    if not update:
        return
    option = "--ftcheck-update-baseline" + ("" if update == "all" else f"={update}")
    if update != "force" and environment.get("CI", "") not in _NOT_SET:
        msg = (
            f"{option} is refused where CI is set: a job that accepts its own results gates nothing. Update on your "
            "machine and have the change reviewed, or give --ftcheck-update-baseline=force."
        )
        raise SettingsError(msg)


def open_baselines(session: FtcheckSession) -> Baselines:
    """Read the baseline of the selected tasks before anything trains.

    Raises:
        DataError: its files were edited, truncated or removed.

    """
    from pytest_ftcheck.plugin.baselines import Baselines  # noqa: PLC0415 - slow to import

    session.baselines = Baselines(session)
    session.baselines.check_files(session.settings.tasks)
    return session.baselines


def finish_baselines(session: pytest.Session) -> dict[str, Any]:
    """Accept what ran; see `BaselineOutcome.finish`."""
    outcome: BaselineOutcome | None = session.config.pluginmanager.get_plugin("ftcheck-baseline")
    return {} if outcome is None else outcome.finish(session)


class BaselineOutcome:
    """Gathers what all processes know of the baseline; the one with the terminal writes and shows it."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session
        self._lines: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker found."""
        sent = getattr(node, "workeroutput", {}).get(_SENT)
        if sent:
            (self._session.baselines or open_baselines(self._session)).receive(sent)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send what this worker found."""
        if hasattr(session.config, "workeroutput") and self._session.baselines is not None:
            session.config.workeroutput[_SENT] = self._session.baselines.to_send()

    def finish(self, session: pytest.Session) -> dict[str, Any]:
        """Accept what ran, where that is asked for and nothing failed; return what the JSON document tells.

        Turns the exit status red where a run cannot be accepted.
        """
        ours, settings = self._session.baselines, self._session.settings
        if ours is None or not (ours.ran or settings.update_baseline):
            if settings.update_baseline:
                self._lines = ["NOT ACCEPTED: no test looked at a run."]
                session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
            return {}
        from pytest_ftcheck.gates.baseline_file import FILE, FOLDER  # noqa: PLC0415 - only where it is used
        from pytest_ftcheck.report.baseline import (  # noqa: PLC0415 - imports rich
            comparison_lines,
            unmatched_lines,
            update_lines,
        )

        path = f"{FOLDER}/{FILE}"
        notes = [ours.comparisons[key] for key in sorted(ours.comparisons)]
        unmatched = ours.unmatched()
        self._lines = comparison_lines(notes)
        refused, written = self._update(session, ours) if settings.update_baseline else ([], [])
        self._lines += update_lines(written, path)
        self._lines += [f"NOT ACCEPTED: {reason}" for reason in refused]
        self._lines += unmatched_lines(unmatched, path)
        return {"comparisons": notes, "accepted": written, "refused": refused, "unmatched": unmatched}

    def _update(self, session: pytest.Session, ours: Baselines) -> tuple[list[str], list[dict[str, Any]]]:
        if session.exitstatus != pytest.ExitCode.OK:
            how = "was interrupted" if session.exitstatus == pytest.ExitCode.INTERRUPTED else "failed"
            return [f"the session {how}: nothing of it becomes the baseline, and the old one stays as it was."], []
        try:
            refused, written = ours.refusals(), []
            if not ours.candidates:
                refused = ["no test looked at the metrics of a run: select metrics.floor."]
            if not refused:
                written = ours.update()
        except DataError as error:
            refused, written = [str(error)], []
        if refused:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return refused, written

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show values before and after, the rows that flipped, and what was accepted."""
        if not self._lines:
            return
        terminalreporter.section("ftcheck: baseline", "=")
        for line in self._lines:
            terminalreporter.write_line(printable(line))
