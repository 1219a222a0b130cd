"""The request to a session is validated in order, and only its requested parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import FtcheckError, SettingsError, TaskError
from pytest_ftcheck.judging.requests import check_request

if TYPE_CHECKING:
    from tests.judging.conftest import MakeSession


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({"calibrate": 3, "checks": ("data",)}, ("calibrate", "checks"), "--ftcheck-checks has no effect with"),
        ({"checks": ("data.rowz",)}, ("checks",), "data.rowz"),
        ({"faults": ("no_such_fault",)}, ("faults",), "no_such_fault"),
        ({"reason": "because"}, ("reason",), "use it with --ftcheck-update-baseline"),
        ({"calibrate": 3, "engines": ("trainer", "manual")}, ("calibrate",), "trains with one engine"),
        ({"bench_compare": ("engine=manuel,trainer",)}, ("bench_compare",), "manuel"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    make_session: MakeSession, settings: dict[str, Any], given: tuple[str, ...], message: str
) -> None:
    with pytest.raises((SettingsError, FtcheckError), match=message):
        check_request(make_session(**settings), given)


def test_checks_of_a_card_are_looked_at(make_session: MakeSession) -> None:
    session = make_session(card={"checks": {"data.rowz": {"most": 1}}})
    with pytest.raises(TaskError, match=r"data\.rowz"):
        check_request(session, ())


def test_a_worker_does_not_ask_again_which_options_have_an_effect(make_session: MakeSession) -> None:
    session = make_session(calibrate=3, checks=("data",))
    check_request(session, None)


def test_what_fits_is_let_through(make_session: MakeSession) -> None:
    check_request(make_session(checks=("data",), strict=True), ("checks", "strict"))
