"""How often a healthy project sees red by chance: each check says it, and all of them together stay within a budget."""

from __future__ import annotations

import inspect
import re

import pytest

from pytest_ftcheck.checks.catalogue import MOST_FALSE_ALARMS, Check, catalogue

PARTS = ("Assumes: ", "Unusual but healthy: ", "False alarms: ")


def test_all_checks_together_stay_within_the_budget() -> None:
    assert sum(check.false_alarms for check in catalogue().values()) <= MOST_FALSE_ALARMS


@pytest.mark.parametrize("check", catalogue().values(), ids=lambda check: check.id)
def test_every_check_says_what_it_assumes_and_how_often_it_is_wrong(check: Check) -> None:
    paragraphs = inspect.cleandoc(check.function.__doc__ or "").split("\n\n")
    parts = [text for text in paragraphs if text.startswith(PARTS)]
    assert [text.partition(":")[0] + ": " for text in parts] == list(PARTS)
    assert all(text.endswith((".", ".)")) for text in parts)
    # A figure stands in the words where one stands in the catalogue, and nowhere else.
    assert bool(check.false_alarms) == bool(re.search(r"\b\de-\d", parts[2].partition("64-bit")[0]))
    assert bool(check.false_alarms) != parts[2].startswith("False alarms: none by chance")
