"""What the user asked for cannot be changed by anybody."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from pytest_ftcheck.settings import Settings


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().tier = "full"  # type: ignore[misc]  # the assignment is the test


@pytest.mark.parametrize(
    ("settings", "measures"),
    [(Settings(), False), (Settings(bench=True), True), (Settings(bench_compare=("engine=manual,trainer",)), True)],
)
def test_a_measurement_or_a_comparison_measures(settings: Settings, measures: bool) -> None:  # noqa: FBT001 - parametrized
    assert settings.measures == measures
