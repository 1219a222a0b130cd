"""``--ftcheck-update-baseline``: accepts the runs at the end of a session, if nothing failed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_ftcheck.errors import DataError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.report.baseline import AcceptedRecord, BaselineRecord
    from pytest_ftcheck.sessions.baselines import Baselines
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.settings import Settings

    Ended = Literal["green", "was interrupted", "failed"]
    """How the session ended."""

_NOT_SET = ("", "0", "false", "False")


def check_update(settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to accept a baseline where nobody reviews it.

    Raises:
        SettingsError: in CI, or with options that accept nothing.

    """
    update = settings.update_baseline
    if settings.reason is not None and not update:
        msg = "--ftcheck-reason gives the reason for an accepted baseline: use it with --ftcheck-update-baseline."
        raise SettingsError(msg)
    if not update:
        return
    option = "--ftcheck-update-baseline" + ("" if update == "all" else f"={update}")
    if update != "force" and environment.get("CI", "") not in _NOT_SET:
        msg = (
            f"{option} is refused in CI (the variable CI is set): a job that accepts its own results cannot fail. "
            "Update on your machine and let the change be reviewed, or give --ftcheck-update-baseline=force."
        )
        raise SettingsError(msg)


@dataclass(frozen=True)
class Accepted:
    """The result of the baseline at the end of a session."""

    lines: tuple[str, ...] = ()
    record: BaselineRecord | None = None
    """Record for the JSON document; None where no run was compared and no update was requested."""
    refused: bool = False
    """A run cannot be accepted, or there is no run: the session fails."""


def accept(session: FtcheckSession, ended: Ended) -> Accepted:
    """Accept the runs, if that was requested and nothing failed; describe the comparisons.

    Args:
        session: the session with its noted runs.
        ended: how the session ended.

    """
    ours, update = session.baselines, session.settings.update_baseline
    if ours is None or not (ours.ran or update):
        return Accepted(("NOT ACCEPTED: no test used a run.",), refused=True) if update else Accepted()
    from pytest_ftcheck.gates.baseline_file import FILE, FOLDER  # noqa: PLC0415 - only where it is used
    from pytest_ftcheck.report.baseline import (  # noqa: PLC0415 - imports rich
        BaselineRecord,
        comparison_lines,
        unmatched_lines,
        update_lines,
    )

    path = f"{FOLDER}/{FILE}"
    notes = [ours.comparisons[key] for key in sorted(ours.comparisons)]
    unmatched = ours.unmatched()
    refused, written = _update(ours, ended) if update else ([], [])
    lines = (
        *comparison_lines(notes),
        *update_lines(written, path),
        *(f"NOT ACCEPTED: {reason}" for reason in refused),
        *unmatched_lines(unmatched, path),
    )
    record = BaselineRecord(comparisons=notes, accepted=written, refused=refused, unmatched=unmatched)
    return Accepted(lines, record, refused=bool(refused) and ended == "green")


def _update(ours: Baselines, ended: Ended) -> tuple[list[str], list[AcceptedRecord]]:
    """Accept the runs; return the reasons against it, and the written entries."""
    if ended != "green":
        return [f"the session {ended}: the baseline stays unchanged."], []
    try:
        refused, written = ours.refusals(), []
        if not ours.candidates:
            refused = ["no test judged the metrics of a run: select metrics.floor."]
        if not refused:
            written = ours.update()
    except DataError as error:
        refused, written = [str(error)], []
    return refused, written
