"""The names that are known without importing the checks are those of the checks."""

from __future__ import annotations

from pytest_ftcheck.checks.catalogue import catalogue
from pytest_ftcheck.checks.names import COST_OF


def test_ids_and_costs_are_those_of_the_catalogue_in_its_order() -> None:
    assert dict(COST_OF) == {check.id: check.cost for check in catalogue().values()}
    assert list(COST_OF) == list(catalogue())
