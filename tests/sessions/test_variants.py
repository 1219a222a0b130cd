"""What a test asks for, from its markers and the settings."""

from __future__ import annotations

import pytest

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.sessions.variants import Variant, requested_by_markers, variant_for, variants_of
from pytest_ftcheck.settings import Settings

SETTINGS = Settings(tasks=("mrpc",), engines=("trainer", "manual"), seeds=(1, 2))


def test_the_closest_marker_wins() -> None:
    asked = requested_by_markers("test_own", [((), {"seed": 3}), ((), {"seed": 0, "engine": "manual"})])
    assert variant_for("test_own", asked, SETTINGS) == Variant("mrpc", "manual", 3)
    assert variant_for("test_own", {}, SETTINGS) == Variant("mrpc", "trainer", 1)


@pytest.mark.parametrize(
    ("args", "kwargs", "named"), [(("mrpc",), {}, "'mrpc'"), ((), {"sed": 0}, "sed"), ((), {"seed": "0"}, "seed='0'")]
)
def test_a_marker_that_is_written_otherwise_is_refused(
    args: tuple[object, ...], kwargs: dict[str, object], named: str
) -> None:
    with pytest.raises(TaskError, match=f"marker ftcheck of test_own takes .* not {named}"):
        requested_by_markers("test_own", [(args, kwargs)])


@pytest.mark.parametrize("tasks", [(), ("mrpc", "sst2")])
def test_a_test_that_names_no_task_needs_exactly_one(tasks: tuple[str, ...]) -> None:
    with pytest.raises(TaskError, match=f"test_own names no task, and the session has {len(tasks)} tasks"):
        variant_for("test_own", {}, Settings(tasks=tasks))


def test_what_a_marker_names_is_not_varied() -> None:
    every = [("trainer", 1), ("trainer", 2), ("manual", 1), ("manual", 2)]
    assert variants_of([], SETTINGS) == (every, [f"{engine}-seed{seed}" for engine, seed in every])
    assert variants_of([((), {"seed": 7})], SETTINGS) == ([("trainer", 7), ("manual", 7)], ["trainer", "manual"])
