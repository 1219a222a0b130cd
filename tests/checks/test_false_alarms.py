"""How often a healthy project sees red by chance: each check says it, and all of them together stay within a budget."""

from __future__ import annotations

import inspect
import re

import pytest

from pytest_ftcheck.checks.catalogue import MOST_FALSE_ALARMS, OPT_IN, Check, catalogue
from pytest_ftcheck.heads.registry import head_named, known_heads
from pytest_ftcheck.heads.traits import unmet

PARTS = ("Assumes: ", "Unusual but healthy: ", "False alarms: ")


@pytest.mark.parametrize("head", known_heads())
def test_all_checks_of_a_session_together_stay_within_the_budget(head: str) -> None:
    usual = [check for check in catalogue().values() if check.family not in OPT_IN]
    asked = [check for check in usual if not unmet(check.needs, head_named(head).traits)]
    assert sum(check.false_alarms for check in asked) <= MOST_FALSE_ALARMS


def test_so_does_a_family_that_is_asked_for() -> None:
    for family in OPT_IN:
        alarms = [check.false_alarms for check in catalogue().values() if check.family == family]
        assert 0 < sum(alarms) <= MOST_FALSE_ALARMS


@pytest.mark.parametrize("check", catalogue().values(), ids=lambda check: check.id)
def test_every_check_says_what_it_assumes_and_how_often_it_is_wrong(check: Check) -> None:
    paragraphs = inspect.cleandoc(check.function.__doc__ or "").split("\n\n")
    parts = [text for text in paragraphs if text.startswith(PARTS)]
    assert [text.partition(":")[0] + ": " for text in parts] == list(PARTS)
    assert all(text.endswith((".", ".)")) for text in parts)
    # A figure stands in the words where one stands in the catalogue, and nowhere else.
    assert bool(check.false_alarms) == bool(re.search(r"\b[\d.]+e-\d", parts[2].partition("64-bit")[0]))
    assert bool(check.false_alarms) != parts[2].startswith("False alarms: none by chance")
