"""Validates the request to a session before anything heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.judging.accepting import check_update
from pytest_ftcheck.judging.effects import check_effects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.sessions.session import FtcheckSession


def check_request(session: FtcheckSession, given: Sequence[str] | None) -> None:
    """Refuse options without an effect, names that do not exist, and combinations that are impossible.

    Args:
        session: the session that starts.
        given: fields of the options on the command line; None in a worker, because its controller has checked them.

    Raises:
        FtcheckError: an option or a name is refused.

    """
    settings = session.settings
    if given is not None:
        check_effects(settings, given, suite_alone=session.alone)
    if settings.tasks:
        from pytest_ftcheck.judging.prepare import check_selection  # noqa: PLC0415 - only where a task is selected

        check_selection(session)
    check_update(settings)
    if settings.calibrate:
        from pytest_ftcheck.judging.calibration import check_calibration  # noqa: PLC0415 - only this option needs it

        check_calibration(settings)
    if settings.bench_compare:
        from pytest_ftcheck.speed.spec import parse_pair  # noqa: PLC0415 - only this option needs it

        for spec in settings.bench_compare:
            parse_pair(spec)
