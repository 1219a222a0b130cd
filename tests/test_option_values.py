"""The value of one option is read in full or refused."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftcheck.option_values import PARSERS
from pytest_ftcheck.settings import Settings

read_seeds = PARSERS["seeds"]


def test_every_option_is_a_field_of_the_settings() -> None:
    assert PARSERS.keys() <= {field.name for field in fields(Settings)}


@pytest.mark.parametrize("seeds", ["x", "-1", "1-", "1--2", "1.5", "4-0", "²", "4294967296"])
def test_wrong_seeds_are_explained(seeds: str) -> None:
    with pytest.raises(ValueError, match="expected numbers") as caught:
        read_seeds(f"0,{seeds}")
    expected = f"expected numbers and ranges such as 0, 0-4 or 1,3, none above 4294967295, not {seeds!r}."
    assert str(caught.value) == expected


GARBAGE = [
    "", " ", ",", ",,", "0,", ",0", "-", "--", "-1", "+1", "0x10", "1e3", "1.5", "nan", "inf", "-inf", "²", "٣", "½",
    "True", "None", "[]", "{}", "0;1", "0 1", "a b", "cpu ", " cpu", "CPU", "Tiny", "BOTH", "float", "cuda:0", "\x00",
    "\x1b[31m", "../..", "~", "*", "%s", "{x}", "99999999999999999999", "1_000", "true",
]  # fmt: skip
CLOSED = sorted(
    PARSERS.keys()
    - {"tasks", "trainer", "checks", "faults", "model", "data", "reason", "bench_compare"}
    - {"store", "json", "html", "timeout"}
)
"""Options whose values are known, or numbers: of the others, the session finds out."""


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("value", GARBAGE, ids=map(ascii, GARBAGE))
def test_garbage_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        PARSERS[name](value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "0", "-1", "nan", "inf", "1e9", "ten", True, "1 s"])
def test_a_time_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected a number of seconds above 0"):
        PARSERS["timeout"](value)
    assert PARSERS["timeout"]("1.5") == PARSERS["timeout"](1.5) == 1.5


RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=4)


@given(ranges=RANGES, spaced=st.booleans())
def test_seeds_are_every_number_once_in_the_order_given(ranges: list[tuple[int, int]], spaced: bool) -> None:  # noqa: FBT001 - drawn
    words = [f"{first}-{first + more}" if more else str(first) for first, more in ranges]
    numbers = [seed for first, more in ranges for seed in range(first, first + more + 1)]
    seeds = read_seeds((", " if spaced else ",").join(words))
    assert seeds == tuple(dict.fromkeys(numbers))


@given(value=st.text(max_size=10))
def test_any_text_for_seeds_is_read_or_refused(value: str) -> None:
    try:
        seeds = read_seeds(value)
    except ValueError:
        return
    assert seeds
    assert min(seeds) >= 0
