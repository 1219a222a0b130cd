"""What to do about a cause: the command that runs its check again, and the place in the user's code."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ftcheck.judging.effects import effective
from pytest_ftcheck.judging.places import place_of
from pytest_ftcheck.judging.selection import FLOOR_ID, costs
from pytest_ftcheck.option_table import FLAGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.report.records import CauseRecord, CheckRecord
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.settings import Settings

_REPEATED = (
    *("trainer", "no_train", "tier", "model", "data", "max_train_rows", "max_eval_rows", "online"),
    *("device", "require_device", "dtype", "fast_cpu", "threads", "engines", "seeds"),
    *("strict", "require_baseline"),
)
"""Options that decide what is judged and what fails, by `Settings` field."""


def with_next_steps(
    cause: CauseRecord, case: CheckRecord | None, session: FtcheckSession, given: Sequence[str]
) -> CauseRecord:
    """Add the command that repeats the test of a cause, and the place in the user's code.

    Args:
        cause: a failed check.
        case: the test that failed.
        session: the session, with the parts of its tasks.
        given: fields of the options on the session's command line; those of ``addopts`` apply again anyway.

    """
    settings, pipeline = session.settings, session.pipelines.get(cause.task)
    place = None if pipeline is None else place_of(cause.finding.check, pipeline, settings.rootdir)
    of_suite = not (settings.faults or settings.calibrate or settings.measures)
    if case is None or not of_suite or case.check not in {FLOOR_ID, *costs()}:
        return replace(cause, source=place)
    return replace(cause, source=place, command=_command(case, settings, given))


def _command(case: CheckRecord, settings: Settings, given: Sequence[str]) -> str:
    """Return the command; an option that has no effect on this check is left out, because it would be refused."""
    alone = replace(settings, tasks=(case.task,), checks=(case.check,))
    chosen = {"engines": case.engine, "seeds": case.seed}
    kept = [name for name in effective(alone, _REPEATED) if name in given and chosen.get(name, True) is not None]
    words = [_option(name, chosen.get(name, getattr(settings, name))) for name in kept]
    # The task of a Trainer that has no name of its own is named by the Trainer.
    task = [] if "trainer" in kept and "tasks" not in given else [_option("tasks", case.task)]
    return shlex.join(["pytest", *task, *words, _option("checks", case.check)])


def _option(name: str, value: object) -> str:
    return FLAGS[name] if value is True else f"{FLAGS[name]}={value}"
