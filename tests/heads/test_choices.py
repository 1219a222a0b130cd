"""The head of multiple choice: endings are put behind their context, and a row's choices stay together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.choices import HEAD
from pytest_ftcheck.heads.each_choice import CHOICE, CONTEXT, EachChoice, endings_of
from pytest_ftcheck.heads.registry import head_of_outputs
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS: Mapping[str, list[str]] = {
    "sent1": ["Anna sold a lamp.", "Ben sent two keys."],
    "sent2": ["It was Anna who", "It was Ben who"],
    "ending0": ["sold a lamp.", "got a hat."],
    "ending1": ["got a lamp.", "sent two keys."],
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert")))


def test_endings_are_the_last_columns_of_one_name() -> None:
    assert endings_of(["sent1", "sent2", "ending0", "ending1"]) == ("ending0", "ending1")
    assert endings_of(["question", "choice1", "choice2", "choice3"]) == ("choice1", "choice2", "choice3")
    assert endings_of(["question", "answer"]) == ()


@pytest.mark.parametrize(
    "columns", [["ending0", "ending1"], ["question", "ending0"], ["a", "b", "c", "ending0", "ending1"], ["text"]]
)
def test_other_columns_are_refused_with_what_is_expected(columns: list[str]) -> None:
    assert "one or two columns of context, then one column for each choice" in HEAD.inputs.refusal(columns)
    assert not HEAD.inputs.refusal(["question", "ending0", "ending1"])


def test_each_choice_is_its_ending_behind_the_context(tokenizer: PreTrainedTokenizerBase) -> None:
    made = HEAD.inputs.encode(tokenizer, COLUMNS, [0, 1], None)
    assert made["labels"] == [0, 1]
    assert [len(row) for row in made["input_ids"]] == [2, 2]
    alone = tokenizer("Ben sent two keys.", "It was Ben who sent two keys.")
    assert {name: made[name][1][1] for name in alone} == dict(alone)


def test_a_longer_choice_is_truncated_to_max_length(tokenizer: PreTrainedTokenizerBase) -> None:
    made = HEAD.inputs.encode(tokenizer, COLUMNS, [0, 1], 8)
    assert {len(choice) for row in made["input_ids"] for choice in row} == {8}


def test_a_label_of_no_choice_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(DataError, match=r"label 2, but a row has 2 choices: ending0, ending1\. Give label_names one"):
        HEAD.inputs.encode(tokenizer, COLUMNS, [0, 2], None)


def test_a_batch_has_rows_choices_and_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    made = HEAD.inputs.encode(tokenizer, COLUMNS, [0, 1], None)
    features = [{name: column[row] for name, column in made.items()} for row in range(2)]
    longest = max(len(choice) for row in made["input_ids"] for choice in row)
    batch = HEAD.inputs.collator(tokenizer)(features)
    assert (batch["input_ids"].shape, batch["labels"].tolist()) == ((2, 2, longest), [0, 1])


def test_its_outputs_are_told_from_those_of_classes_by_the_texts_of_a_row() -> None:
    logits, labels = torch.zeros(8, 4), torch.zeros(8, dtype=torch.int64)
    assert head_of_outputs(logits, labels, 2, several_texts=True) is HEAD
    assert head_of_outputs(logits, labels, 4) is None
    assert head_of_outputs(logits, labels.float(), 2, several_texts=True) is None
    assert head_of_outputs(logits[0], labels, 2, several_texts=True) is None
    assert HEAD.outputs.shapes(3, 4) == {"logits": (3, 4), "labels": (3,)}


# -- taken apart -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param([pa.string()], id="string"),
        pytest.param([pa.large_string()], id="large_string, as of a CSV file"),
        pytest.param([pa.string(), pa.large_string()], id="both"),
        pytest.param([pa.dictionary(pa.int32(), pa.string())], id="categories of pandas"),
    ],
)
def test_each_choice_becomes_a_row_that_is_right_or_wrong(kinds: list[pa.DataType]) -> None:
    table = pa.table({**COLUMNS, "label": [0, 1], "idx": [7, 8], "input_ids": [[[1, 2], [3]], [[4], [5, 6]]]})
    for place, name in enumerate(COLUMNS):
        table = table.set_column(place, name, table.column(name).cast(kinds[place % len(kinds)]))
    rows = EachChoice().rows(table, list(COLUMNS), "label").to_pydict()
    assert rows["label"] == [1, 0, 0, 1]
    assert rows["input_ids"] == [[1, 2], [3], [4], [5, 6]]
    assert rows["idx"] == [7, 7, 8, 8]
    assert rows[CONTEXT] == ["Anna sold a lamp."] * 2 + ["Ben sent two keys."] * 2
    assert rows[CHOICE][:2] == ["It was Anna who sold a lamp.", "It was Anna who got a lamp."]
    assert rows[CHOICE][3] == "It was Ben who sent two keys."


def test_rows_without_texts_and_with_other_numbers_of_choices_are_taken_apart_too() -> None:
    table = pa.table({"labels": [1, 0], "input_ids": [[[1], [2]], [[3], [4], [5]]]})
    rows = EachChoice().rows(table, [], "labels").to_pydict()
    assert rows == {"labels": [0, 1, 1, 0, 0], "input_ids": [[1], [2], [3], [4], [5]]}


def test_a_collator_of_single_choices_goes_through_that_of_rows(tokenizer: PreTrainedTokenizerBase) -> None:
    collate = EachChoice().collator(HEAD.inputs.collator(tokenizer), 4)
    features: list[dict[str, Any]] = [
        {"input_ids": [5, 6, 7], "attention_mask": [1, 1, 1], "labels": 1},
        {"input_ids": [5], "attention_mask": [1], "labels": 0},
    ]
    batch = collate(features)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [5, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [1, 0]


def test_columns_of_a_user_are_tried_in_the_likeliest_order() -> None:
    orders = list(EachChoice().orders(["id", "sent1", "sent2", "ending0", "ending1"]))
    assert orders.index(("sent1", "sent2", "ending0", "ending1")) < orders.index(("sent1", "ending0", "ending1"))
    assert ("question", "choice0", "choice1") in EachChoice().orders(["question", "choice0", "choice1"])
    assert list(EachChoice().orders(["question", "answer"])) == []


def test_what_a_collator_does_to_its_rows_is_done_to_the_choices() -> None:
    def shortens(features: list[dict[str, Any]]) -> dict[str, Any]:
        for feature in features:
            feature.pop("labels")  # as the collator in transformers' guide to multiple choice
            feature["input_ids"] = feature["input_ids"][:-1]
            feature["attention_mask"][0].append(0)
        return {}

    features = [{"input_ids": [1, 2], "attention_mask": [1, 1], "labels": 1}]
    EachChoice().collator(shortens, 3)(features)
    assert features == [{"input_ids": [[1, 2], [1, 2]], "attention_mask": [1, 1, 0], "labels": 1}]


def test_a_collator_that_writes_into_nothing_changes_no_choice() -> None:
    features = [{"input_ids": [1, 2], "labels": 1}]
    EachChoice().collator(lambda rows: {"labels": torch.tensor([row["labels"] for row in rows])}, 3)(features)
    assert features == [{"input_ids": [1, 2], "labels": 1}]
