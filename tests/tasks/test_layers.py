"""Values for all, for a tier, for a checkpoint: the innermost wins, and the user's go before the card's."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_ftcheck.tasks.layers import layered, overlaid

LEAVES = st.dictionaries(st.sampled_from(["learning_rate", "weight_decay", "max_length"]), st.integers(), max_size=3)
TIERS = st.sampled_from(["tiny", "full"])
CHECKPOINTS = st.sampled_from(["bert", "org/x", "learning_rate", "absent"])


def is_value(name: str, value: object) -> bool:
    return name.endswith("_kwargs") or not isinstance(value, dict)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    return {**draw(LEAVES), "tiny": {**draw(LEAVES), "bert": draw(LEAVES), "org/x": {}}, "full": draw(LEAVES)}


@given(root=LEAVES, middle=LEAVES, inner=LEAVES, tier=TIERS, checkpoint=CHECKPOINTS)
def test_layers_are_the_union_with_the_innermost_value(
    root: dict[str, int], middle: dict[str, int], inner: dict[str, int], tier: str, checkpoint: str
) -> None:
    table = {**root, "tiny": {**middle, "bert": inner, "org/x": {}}}
    expected = root | (middle if tier == "tiny" else {}) | (inner if (tier, checkpoint) == ("tiny", "bert") else {})
    assert layered(table, tier, checkpoint, is_value) == expected


@given(base=tables(), over=tables(), tier=TIERS, checkpoint=CHECKPOINTS)
def test_every_value_of_the_user_wins_and_nothing_else_changes(
    base: dict[str, Any], over: dict[str, Any], tier: str, checkpoint: str
) -> None:
    found = layered(overlaid(base, over, is_value), tier, checkpoint, is_value)
    assert found == layered(base, tier, checkpoint, is_value) | layered(over, tier, checkpoint, is_value)


def test_a_value_is_replaced_as_a_whole_and_both_tables_stay_as_they_were() -> None:
    ours = {"some_kwargs": {"a": 1, "b": 2}, "tiny": {"bert": {"rate": 1, "steps": 2}}}
    mine = {"some_kwargs": {"a": 3}, "tiny": {"rate": 4}}
    assert overlaid(ours, mine, is_value) == {
        "some_kwargs": {"a": 3},
        "tiny": {"bert": {"steps": 2}, "rate": 4},
    }
    assert ours == {"some_kwargs": {"a": 1, "b": 2}, "tiny": {"bert": {"rate": 1, "steps": 2}}}
    assert mine == {"some_kwargs": {"a": 3}, "tiny": {"rate": 4}}
