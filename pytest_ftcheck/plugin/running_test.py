"""A running test in pytest: what judges it, how it is skipped, and which of its fixtures a user gave."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.compat.of_pytest import fixtures_of
from pytest_ftcheck.judging.running_test import RunningTest
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import session_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_PARTS = ("ft_tokenizer", "ft_collator", "ft_model", "ft_train", "ft_run")
"""Fixtures whose value depends on who made it."""


def running_test(item: pytest.Item) -> RunningTest:
    """Return what notes the runs of a test and judges it."""

    def tests() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for other in item.session.items:
            yield other.nodeid, notes_of(other).case

    return RunningTest(session_of(item.config), item.nodeid, notes_of(item), tests)


@contextmanager
def skipping() -> Iterator[None]:
    """Skip the test where it cannot judge, with the reason."""
    try:
        yield
    except NotApplicable as why:
        pytest.skip(str(why))


def overridden(request: pytest.FixtureRequest) -> set[str]:
    """Return the fixtures that this test has from a user; such a fixture may return ours, changed in place."""
    found = {name: fixtures_of(request, name) for name in _PARTS}
    return {name for name, own in found.items() if own and own[-1].func.__module__ != "pytest_ftcheck.plugin.fixtures"}
