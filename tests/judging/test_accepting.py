"""What a session says of the baseline at its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_ftcheck.errors import DataError, SettingsError
from pytest_ftcheck.judging.accepting import accept, check_update
from pytest_ftcheck.report.baseline import AcceptedRecord
from pytest_ftcheck.settings import Settings


def broken() -> list[str]:
    msg = "not whole"
    raise DataError(msg)


def session(**baselines: Any) -> Any:
    known = {
        "ran": {"key": None},
        "candidates": {"key": None},
        "comparisons": {},
        "unmatched": list,
        "refusals": list,
        "update": lambda: [AcceptedRecord(key="mrpc", new=True, seeds=[0])],
    }
    return SimpleNamespace(
        baselines=SimpleNamespace(**{**known, **baselines}), settings=Settings(update_baseline="all")
    )


def test_a_green_session_accepts_its_runs() -> None:
    accepted = accept(session(), "green")
    assert accepted.record is not None
    assert [entry.key for entry in accepted.record.accepted] == ["mrpc"]
    assert not accepted.refused


@pytest.mark.parametrize("ended", ["failed", "was interrupted"])
def test_a_session_that_is_not_green_accepts_nothing(ended: Any) -> None:
    accepted = accept(session(update=broken), ended)
    assert f"NOT ACCEPTED: the session {ended}: the baseline stays unchanged" in accepted.lines[0]
    assert accepted.record is not None
    assert accepted.record.accepted == []
    assert not accepted.refused  # it is red already


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"candidates": {}}, "no test judged the metrics of a run"),
        ({"refusals": lambda: ["another subject"]}, "another subject"),
        ({"update": broken}, "not whole"),
    ],
)
def test_what_cannot_be_accepted_makes_the_session_red(changes: dict[str, Any], why: str) -> None:
    accepted = accept(session(**changes), "green")
    assert accepted.refused
    assert why in "\n".join(accepted.lines)


def test_without_a_run_nothing_is_said_but_where_it_was_to_be_accepted() -> None:
    without: Any = SimpleNamespace(baselines=None, settings=Settings())
    assert accept(without, "green").lines == ()
    without.settings = Settings(update_baseline="new")
    assert accept(without, "green").refused


def test_an_update_is_refused_where_nobody_looks_at_it() -> None:
    check_update(Settings(update_baseline="force"), {"CI": "1"})
    check_update(Settings(update_baseline="all"), {"CI": "0"})
    with pytest.raises(SettingsError, match="refused in CI"):
        check_update(Settings(update_baseline="all"), {"CI": "1"})
    with pytest.raises(SettingsError, match="use it with --ftcheck-update-baseline"):
        check_update(Settings(reason="because"), {})
