"""Which options have an effect in which kind of session."""

from __future__ import annotations

import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.judging.effects import (
    _EFFECTIVE,
    _NEEDS,
    beside_lists,
    check_effects,
    session_kind,
    without_use,
)
from pytest_ftcheck.option_table import FLAGS
from pytest_ftcheck.settings import Settings

TASK = ("mrpc",)


def test_the_table_names_options_that_there_are() -> None:
    assert _EFFECTIVE.keys() <= FLAGS.keys()
    assert {*_NEEDS, *_NEEDS.values()} <= FLAGS.keys()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (Settings(), "tests"),
        (Settings(tasks=TASK), "suite"),
        (Settings(tasks=TASK, checks=("collator.mask",)), "parts"),
        (Settings(tasks=TASK, checks=("training",)), "runs"),
        (Settings(tasks=TASK, faults=("all",)), "faults"),
        (Settings(tasks=TASK, calibrate=3), "calibrate"),
        (Settings(tasks=TASK, bench=True), "bench"),
    ],
)
def test_kinds_of_sessions(settings: Settings, kind: str) -> None:
    assert session_kind(settings, suite_alone=True) == kind


def test_an_option_without_an_effect_is_refused() -> None:
    checks = Settings(tasks=TASK, checks=("collator.mask",), reuse=True)
    with pytest.raises(SettingsError, match="--ftcheck-reuse has no effect with a choice of checks that need no run"):
        check_effects(checks, ("reuse",), suite_alone=True)
    check_effects(checks, ("reuse",), suite_alone=False)
    assert "--ftcheck-reuse has no effect" in without_use(checks, ("reuse",), used=False)
    assert without_use(checks, ("reuse",), used=True) == ""
    assert without_use(Settings(), ("json",), used=False) == ""


def test_a_list_is_shown_alone() -> None:
    assert beside_lists([], ("strict",)) == ""
    assert beside_lists(["--ftcheck-list-checks"], ("checks",)) == ""
    assert "--ftcheck-strict has no effect with --ftcheck-list," in beside_lists(["--ftcheck-list"], ("strict",))
