"""Labels become class ids or numbers; what is neither is refused with its row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.tasks.card import MetricSpec, TaskCard
from pytest_ftcheck.tasks.labels import encode_labels


def make_card(*names: str) -> TaskCard:
    head = "sequence-classification" if names else "regression"
    return TaskCard("reviews", head, ("text",), "label", names, MetricSpec("accuracy", None, {"accuracy": True}), {})


TWO, NUMBER = make_card("bad", "good"), make_card()


def encode(card: TaskCard, labels: list[Any], feature: ClassLabel | None = None) -> list[Any]:
    features = Features({"text": Value("string"), "label": feature}) if feature else None
    rows = Dataset.from_dict({"text": ["a"] * len(labels), "label": labels}, features=features)
    return list(encode_labels(card, rows, "train split")["label"])


def message(card: TaskCard, labels: list[Any]) -> str:
    with pytest.raises(DataError) as caught:
        encode(card, labels)
    return str(caught.value)


@pytest.mark.parametrize("labels", [[1, 0], ["good", "bad"], ["1", "0"], [1.0, 0.0], [True, False]], ids=repr)
def test_names_ids_and_whole_numbers_are_class_ids(labels: list[Any]) -> None:
    assert encode(TWO, labels) == [1, 0]


def test_numbers_are_names_where_all_names_are_numbers() -> None:
    stars = make_card("1", "2", "3", "4", "5")
    assert encode(stars, [1, 5, 3]) == [0, 4, 2]
    with pytest.raises(DataError, match="label '0' is not one of the classes"):
        encode(stars, [0])


def test_class_ids_are_int64_and_numbers_float32() -> None:
    for card, dtype in ((TWO, "int64"), (NUMBER, "float32")):
        encoded = encode_labels(card, Dataset.from_dict({"text": ["a"], "label": [1], "idx": [7]}), "train split")
        assert encoded.features["label"].dtype == dtype
        assert (encoded["text"][0], encoded["idx"][0]) == ("a", 7)


CLASS_LABELS = [
    (["bad", "good"], [0, 1]),
    (["good", "bad"], [1, 0]),
    (["good", "unused", "bad"], [1, 0]),
    (["no", "yes"], [0, 1]),
]


@pytest.mark.parametrize(("names", "expected"), CLASS_LABELS)
def test_class_label_is_read_by_name_where_the_names_are_the_cards(names: list[str], expected: list[int]) -> None:
    last = len(names) - 1
    assert encode(TWO, [0, last], ClassLabel(names=names)) == expected


def test_class_label_with_a_class_that_the_card_lacks() -> None:
    with pytest.raises(DataError, match="train split, row 1: label 'neutral' is not one of the classes"):
        encode(TWO, [0, 1], ClassLabel(names=["bad", "neutral", "good"]))


@pytest.mark.parametrize("hidden", [-1, "-1", -1.0], ids=repr)
def test_hidden_label_is_explained(hidden: object) -> None:
    assert message(TWO, [hidden]) == (
        f"train split, row 0: label {hidden!r} is not one of the classes (0 = bad, 1 = good). "
        "-1 marks a hidden label, as in the test splits of GLUE: evaluate on a split that has labels."
    )


def test_hidden_class_label_is_explained() -> None:
    with pytest.raises(DataError, match="label -1 is not one of the classes"):
        encode(TWO, [-1], ClassLabel(names=["bad", "good"]))


OUTSIDE = [2, -2, 0.5, float("nan"), None, "neutral", "", "--1", "1-", "²", "1.0"]


@pytest.mark.parametrize("label", OUTSIDE)
def test_label_outside_the_names_gives_row_names_and_what_to_do(label: object) -> None:
    text = message(TWO, [type(label)(1) if isinstance(label, (int, float)) else "1", label])
    assert text.startswith(f"train split, row 1: label {label!r} is not one of the classes (0 = bad, 1 = good).")
    assert text.endswith("Correct the row, or the card's label_names.")


def test_misspelt_label_gets_a_guess() -> None:
    assert "Did you mean 'good'? Correct the row" in message(TWO, ["Goood"])


def test_numbers_are_labels_of_a_regression() -> None:
    assert encode(NUMBER, [0, 2.5, -1.0]) == [0.0, 2.5, -1.0]
    assert encode(NUMBER, ["0.25", "-3"]) == [0.25, -3.0]


@pytest.mark.parametrize("label", ["high", "", None, "nan", "inf"])
def test_label_that_is_no_finite_number(label: object) -> None:
    assert message(NUMBER, ["1", label]) == (
        f"train split, row 1: label {label!r} is not a finite number, as regression needs. Remove or correct the row."
    )


@pytest.mark.parametrize("label", [float("nan"), float("inf")])
def test_float_that_is_not_finite(label: float) -> None:
    assert f"row 0: label {label!r} is not a finite number" in message(NUMBER, [label])


NAMES = st.lists(
    st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), min_size=2, max_size=5, unique=True
)


@settings(max_examples=25)
@given(names=NAMES, data=st.data())
def test_names_and_ids_encode_alike(names: list[str], data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, len(names) - 1), min_size=1, max_size=5))
    card = make_card(*names)
    assert encode(card, [names[index] for index in ids]) == ids
    assert encode(card, ids) == ids
    assert encode(card, [str(index) for index in ids]) == ids


@settings(max_examples=25)
@given(names=NAMES, data=st.data())
def test_class_label_in_any_order_encodes_to_the_cards_ids(names: list[str], data: st.DataObject) -> None:
    theirs = data.draw(st.permutations(names))
    assert encode(make_card(*names), list(range(len(names))), ClassLabel(names=theirs)) == [
        names.index(name) for name in theirs
    ]


@settings(max_examples=25)
@given(label=st.one_of(st.none(), st.integers(-3, 5), st.floats(), st.text(max_size=4)))
def test_any_label_is_encoded_or_refused(label: object) -> None:
    for card in (TWO, NUMBER):
        try:
            (encoded,) = encode(card, [label])
        except DataError:
            continue
        assert encoded in (0, 1) if card is TWO else np.isfinite(encoded)
