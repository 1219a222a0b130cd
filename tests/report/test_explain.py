"""One check, explained in the terminal."""

from __future__ import annotations

import pytest

from pytest_ftcheck.checks.catalogue import Check
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.heads.traits import CLASSES
from pytest_ftcheck.judging.checks import suite_catalogue
from pytest_ftcheck.judging.listing import explained_check
from pytest_ftcheck.report.explain import explained


def lengths(*_: object) -> list[object]:
    """Rows are short.

    Assumes: nothing.

    Args:
        _: what a check gets.

    """
    return []


def test_all_parts_stand_in_order_and_lists_are_cut() -> None:
    check = Check(
        "data.lengths",
        lengths,  # type: ignore[arg-type]  # never called
        "free",
        "long rows",
        "cut them.",
        needs=(CLASSES,),
        thresholds={"most": 9},
    )
    many = [f"model.check_{number}" for number in range(14)]
    text = explained(check, explained_by=["data.rows"], explains=many, faults=[])
    assert text.splitlines()[:6] == [
        "data.lengths",
        "",
        "what must hold",
        "  Rows are short.",
        "  Assumes: nothing.",
        "",
    ]
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert titles == [
        "data.lengths",
        "what must hold",
        "applies to",
        "catches",
        "what to do",
        "look first at, where they are red too",
        "makes these red too",
        "cost",
        "thresholds",
        "to skip it",
    ]
    assert "model.check_11 and 2 more" in " ".join(text.split())
    assert '  checks."data.lengths" = { most = 9 } in the card' in text


@pytest.mark.parametrize("name", suite_catalogue())
def test_every_check_is_explained_in_lines_that_fit(name: str) -> None:
    lines = explained_check(name).splitlines()
    assert lines[0] == name
    assert max(map(len, lines)) <= 130  # a command or an id is never cut
    assert "to skip it" in lines


def test_a_wrong_name_is_refused_with_the_closest_one() -> None:
    with pytest.raises(SettingsError, match=r"unknown check 'data\.giveawys'\. Did you mean 'data\.giveaways'\?"):
        explained_check("data.giveawys")
