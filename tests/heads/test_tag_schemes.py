"""Schemes of tags: which prefixes and sequences each of them has."""

from __future__ import annotations

import pytest

from pytest_ftcheck.heads.tag_schemes import ill_formed, likely_scheme, parted, scheme_of, spells_entities
from pytest_ftcheck.heads.traits import (
    CLASS_IDS,
    CLASSES,
    LABEL_PER_ITEM,
    LABEL_PER_ROW,
    LABEL_PER_TOKEN,
    TEXTS,
    VALUES,
    unmet,
)


def test_a_tag_is_a_prefix_and_a_type() -> None:
    assert [parted(tag) for tag in ("B-PER", "O", "I-creative-work")] == [
        ("B", "PER"),
        ("", ""),
        ("I", "creative-work"),
    ]


@pytest.mark.parametrize(
    ("names", "scheme"),
    [
        (("O", "B-PER", "I-PER"), "IOB"),
        (("O", "B-PER", "I-PER", "E-PER", "S-PER"), "BIOES"),
        (("O", "B-PER", "I-PER", "L-PER", "U-PER"), "BILOU"),
        (("O", "B-PER", "E-PER", "L-PER"), None),
        (("O", "B-PER", "PER"), None),
    ],
)
def test_the_scheme_is_known_by_its_prefixes(names: tuple[str, ...], scheme: str | None) -> None:
    assert scheme_of(names) == scheme


def test_other_labels_spell_no_entities() -> None:
    assert spells_entities(("O", "B-PER"))
    assert not spells_entities(("NOUN", "VERB", "X"))
    assert not spells_entities(("LABEL_0", "LABEL_1"))


@pytest.mark.parametrize(
    ("tags", "counts"),
    [
        ("B-PER I-PER O B-PER", {"IOB2": 0, "IOB1": 2, "BIOES": 2}),
        ("I-PER I-PER O I-LOC", {"IOB2": 2, "IOB1": 0, "BIOES": 4}),
        ("B-PER E-PER S-LOC O", {"BIOES": 0}),
        ("B-PER L-PER U-LOC B-LOC", {"BILOU": 1}),
        ("B-PER I-LOC", {"IOB2": 1}),
        ("O O", {"IOB2": 0, "IOB1": 0, "BIOES": 0}),
    ],
)
def test_tags_that_may_not_stand_there_are_counted(tags: str, counts: dict[str, int]) -> None:
    assert {scheme: ill_formed(tags.split(), scheme) for scheme in counts} == counts


def test_the_likely_scheme_breaks_least() -> None:
    names = ("O", "B-PER", "I-PER")
    assert likely_scheme([["B-PER", "I-PER"], ["I-PER"], ["B-PER"]], names) == ("IOB2", 1)
    assert likely_scheme([["I-PER", "B-PER"], ["I-PER"]], names) == ("IOB1", 0)


def test_traits_of_one_label_imply_that_labels_can_be_compared() -> None:
    needs = (LABEL_PER_ITEM,)
    assert [
        unmet(needs, (CLASSES, LABEL_PER_ROW)),
        unmet(needs, (LABEL_PER_TOKEN,)),
        unmet((CLASS_IDS,), (CLASSES, TEXTS)),
    ] == [""] * 3
    assert unmet((CLASS_IDS,), (VALUES, LABEL_PER_ROW)).startswith(
        "it applies only to tasks with classes of rows or of tokens"
    )
    assert unmet(needs, ("spans",)) == (
        "it applies only to tasks with one label in each row or for each token; this task has spans"
    )
