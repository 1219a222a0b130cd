"""Which red check explains which: a table of ids that there are, without circles."""

from __future__ import annotations

from fnmatch import fnmatchcase
from graphlib import TopologicalSorter

from pytest_ftcheck.checks.cause_table import EXPLAINS, SYMPTOMS, explains
from pytest_ftcheck.checks.names import COST_OF

KNOWN = sorted({*COST_OF, "metrics.floor", "metrics.baseline"})


def test_every_id_and_pattern_is_of_a_check() -> None:
    patterns = {*EXPLAINS, *SYMPTOMS, *(pattern for explained in EXPLAINS.values() for pattern in explained)}
    assert [pattern for pattern in patterns if not any(fnmatchcase(check, pattern) for check in KNOWN)] == []


def test_no_check_explains_itself_in_a_circle() -> None:
    graph = {check: {other for other in KNOWN if explains(other, check)} for check in KNOWN}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError
