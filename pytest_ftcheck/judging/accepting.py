"""``--ftcheck-update-baseline``: what ran is accepted at a session's end, where nothing failed."""

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
            f"{option} is refused where CI is set: a job that accepts its own results has no effect. Update on your "
            "machine and have the change reviewed, or give --ftcheck-update-baseline=force."
        )
        raise SettingsError(msg)


@dataclass(frozen=True)
class Accepted:
    """What a session says of the baseline at its end."""

    lines: tuple[str, ...] = ()
    record: BaselineRecord | None = None
    """For the JSON document; None where no run was compared and none is to be accepted."""
    refused: bool = False
    """A run cannot be accepted, or there is none: the session is red."""


def accept(session: FtcheckSession, ended: Ended) -> Accepted:
    """Accept what ran, where that is asked for and nothing failed; say what was compared.

    Args:
        session: with what was noted of its runs.
        ended: how it ended.

    """
    ours, update = session.baselines, session.settings.update_baseline
    if ours is None or not (ours.ran or update):
        return Accepted(("NOT ACCEPTED: no test looked at a run.",), refused=True) if update else Accepted()
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
    """Accept the runs; return why that is refused, and what was written."""
    if ended != "green":
        return [f"the session {ended}: nothing of it becomes the baseline, and the old one stays as it was."], []
    try:
        refused, written = ours.refusals(), []
        if not ours.candidates:
            refused = ["no test looked at the metrics of a run: select metrics.floor."]
        if not refused:
            written = ours.update()
    except DataError as error:
        refused, written = [str(error)], []
    return refused, written
