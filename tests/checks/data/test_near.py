"""Near-duplicates: both ways of finding them find the same, and texts of one template do not take forever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftcheck.checks.data import near
from pytest_ftcheck.checks.data.near import NEAR, find_near, shingles

if TYPE_CHECKING:
    import pytest

    from pytest_ftcheck.checks.data.folded import Row

WORDS = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("an", "el", "ir", "os", "u")]
ALPHABET = st.sampled_from(["the", "cat", "sees", "a", "dog"])
ROWS = st.lists(st.lists(ALPHABET, max_size=8).map(lambda words: (" ".join(words),)), max_size=8)


def sentence(generator: np.random.Generator, words: int = 20) -> str:
    return " ".join(generator.choice(WORDS, size=words))


def similarity(first: str, second: str) -> float:
    one, other = shingles((first,)), shingles((second,))
    return len(one & other) / len(one | other)


@given(ROWS, ROWS)
def test_the_exact_way_finds_every_row_that_has_a_near_one(
    evaluated: list[tuple[str, ...]], train: list[tuple[str, ...]]
) -> None:
    found = find_near(dict(enumerate(evaluated)), train)
    for index, (text,) in enumerate(evaluated):
        places = [place for place, (other,) in enumerate(train) if similarity(text, other) >= NEAR]
        assert found.get(index) == (places[0] if places else None)


def test_minhash_finds_what_the_exact_way_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    train = [(sentence(generator),) for _ in range(2_000)]
    near_ones = {index: (f"{train[7 * index][0]} {sentence(generator, 1)}",) for index in range(100)}
    others = {index: (sentence(generator),) for index in range(100, 300)}
    wanted = near_ones | others
    exact = find_near(wanted, train)
    assert exact == {index: 7 * index for index in near_ones}
    monkeypatch.setattr(near, "MOST_ROWS", 10)
    found = find_near(wanted, train)
    # Of a similarity of 18 in 19, it misses one in ten thousand.
    assert found == exact


def test_minhash_takes_nothing_for_near_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "MOST_ROWS", 10)
    generator = np.random.default_rng(1)
    text = sentence(generator)
    words = text.split()
    halves = [(" ".join(words[:cut] + sentence(generator, 20 - cut).split()),) for cut in range(4, 17)]
    found = find_near({0: (text,)}, halves * 20)
    assert found == {}


def test_texts_of_one_template_are_compared_with_few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "MOST_ROWS", 10)
    compared: list[Row] = []

    def counted(row: Row) -> set[str]:
        compared.append(row)
        return shingles(row)

    monkeypatch.setattr(near, "shingles", counted)
    template = "please tell me whether the following order number was sent to the customer today or not {}"
    wanted = {index: (template.format(f"{index} {index + 1} {index + 2} {index + 3}"),) for index in range(300)}
    train = [(template.format(f"{index} {index - 1} {index - 2} {index - 3}"),) for index in range(1_000, 1_200)]
    find_near(wanted, train)
    assert len(compared) <= len(wanted) + len(train) * (1 + near._MOST_CANDIDATES)


def test_token_ids_are_compared_in_runs_too() -> None:
    row = (tuple(range(30)), (7, 8, 9))
    assert find_near({5: (tuple(range(31)), (7, 8, 9))}, [((1,), (2,)), row]) == {5: 1}
