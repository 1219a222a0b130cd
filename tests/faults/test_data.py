"""Faults of texts, labels and splits do to the rows what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.faults.fault import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasets import Dataset

    from pytest_ftcheck.pipeline.parts import Pipeline


def planted(name: str, pipeline: Pipeline) -> Pipeline:
    return faults()[name].plant(pipeline)


def ids(rows: Dataset) -> list[list[int]]:
    return list(rows["input_ids"])


def again(pipeline: Pipeline, *columns: str, split: str = "train", **options: Any) -> list[list[int]]:
    """Tokenize the raw texts of a split again."""
    rows = getattr(pipeline.data, split)
    assert pipeline.processing_class is not None
    encoded = pipeline.processing_class(*(list(rows[column]) for column in columns), **options)
    return list(encoded["input_ids"])


@pytest.mark.parametrize(
    ("name", "columns"),
    [("second_segment_lost", ["sentence1"]), ("first_segment_twice", ["sentence1", "sentence1"])],
)
def test_only_the_first_segment_is_tokenized(mrpc: Pipeline, name: str, columns: list[str]) -> None:
    bad = planted(name, mrpc)
    assert ids(bad.train_dataset) == again(mrpc, *columns)
    assert ids(bad.eval_dataset) == again(mrpc, *columns, split="evaluation")
    assert bad.data is mrpc.data
    assert bad.train_dataset.column_names == mrpc.train_dataset.column_names


def test_joined_segments_have_no_separator_between(mrpc: Pipeline) -> None:
    assert mrpc.processing_class is not None
    separator = mrpc.processing_class.sep_token_id
    assert {row.count(separator) for row in ids(mrpc.train_dataset)} == {2}
    assert {row.count(separator) for row in ids(planted("segments_joined", mrpc).train_dataset)} == {1}


def test_segments_are_swapped_in_evaluation_alone(mrpc: Pipeline) -> None:
    bad = planted("segments_swapped_in_evaluation", mrpc)
    assert bad.train_dataset is mrpc.train_dataset
    assert ids(bad.eval_dataset) == again(mrpc, "sentence2", "sentence1", split="evaluation")


def test_special_tokens_are_missing_in_evaluation_alone(mrpc: Pipeline) -> None:
    bad = planted("evaluation_without_special_tokens", mrpc)
    assert bad.train_dataset is mrpc.train_dataset
    assert mrpc.processing_class is not None
    assert not set(mrpc.processing_class.all_special_ids) & {token for row in ids(bad.eval_dataset) for token in row}


def test_rows_are_cut_to_eight_tokens(mrpc: Pipeline) -> None:
    bad = planted("truncated_to_8", mrpc)
    assert {len(row) for rows in (bad.train_dataset, bad.eval_dataset) for row in ids(rows)} == {8}
    assert {len(row) for row in bad.train_dataset["attention_mask"]} == {8}


def test_the_other_vocabulary_is_smaller_and_its_own(mrpc: Pipeline) -> None:
    bad = planted("other_vocabulary", mrpc)
    assert mrpc.processing_class is not None
    assert bad.processing_class is not None
    assert len(bad.processing_class) < len(mrpc.processing_class)
    assert bad.data_collator.tokenizer is bad.processing_class  # type: ignore[attr-defined]  # a DataCollatorWithPadding
    assert mrpc.data_collator.tokenizer is mrpc.processing_class  # type: ignore[attr-defined]  # as above
    assert ids(bad.train_dataset) != ids(mrpc.train_dataset)


def test_added_terms_have_no_embedding(mrpc: Pipeline) -> None:
    bad = planted("vocabulary_too_large", mrpc)
    vocabulary = mrpc.model_init().config.vocab_size
    assert max(token for row in ids(bad.train_dataset) for token in row) >= vocabulary
    assert max(token for row in ids(mrpc.train_dataset) for token in row) < vocabulary


def test_every_word_is_unknown(mrpc: Pipeline) -> None:
    bad = planted("all_unknown", mrpc)
    assert bad.processing_class is not None
    special = set(bad.processing_class.all_special_ids)
    assert {token for row in ids(bad.train_dataset) for token in row} <= special
    assert len(bad.processing_class) == len(special)


def test_stale_tokens_are_those_of_another_row(mrpc: Pipeline) -> None:
    bad = planted("stale_cache", mrpc)
    assert ids(bad.train_dataset)[1:] == ids(mrpc.train_dataset)[:-1]
    assert bad.train_dataset["labels"] == mrpc.train_dataset["labels"]
    assert bad.data is mrpc.data


def test_texts_are_cleaned_before_they_are_tokenized(mrpc: Pipeline) -> None:
    bad = planted("cleaned_in_training_only", mrpc)
    assert ids(bad.train_dataset) != ids(mrpc.train_dataset)
    assert bad.data is mrpc.data


@pytest.mark.parametrize(
    ("name", "left"), [("token_type_ids_dropped", set()), ("token_type_ids_misnamed", {"segment_ids"})]
)
def test_token_types_are_gone(mrpc: Pipeline, name: str, left: set[str]) -> None:
    columns = set(planted(name, mrpc).eval_dataset.column_names)
    assert columns == set(mrpc.eval_dataset.column_names) - {"token_type_ids"} | left


def test_a_tenth_of_the_texts_is_missing(mrpc: Pipeline) -> None:
    bad = planted("texts_missing", mrpc)
    assert bad.data.train["sentence1"][:2] == ["", mrpc.data.train["sentence1"][1]]
    assert [len(row) for row in ids(bad.train_dataset)[:11:10]] == [3, 3]
    assert ids(bad.train_dataset)[1] == ids(mrpc.train_dataset)[1]


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
@pytest.mark.parametrize(
    ("name", "split"), [("train_labels_shuffled", "train"), ("evaluation_labels_shuffled", "evaluation")]
)
def test_shuffled_labels_are_the_same_in_another_order(
    healthy: Callable[..., Pipeline], task: str, name: str, split: str
) -> None:
    pipeline = healthy(task)
    bad = planted(name, pipeline)
    rows, before = ((p.train_dataset if split == "train" else p.eval_dataset)["labels"] for p in (bad, pipeline))
    assert sorted(rows) == sorted(before)
    assert list(rows) != list(before)
    assert list(getattr(bad.data, split)["label"]) == list(rows)


def test_classes_are_renumbered_in_evaluation(healthy: Callable[..., Pipeline]) -> None:
    yelp = healthy("yelp_review_full")
    before, after = yelp.eval_dataset["labels"], planted("evaluation_classes_renumbered", yelp).eval_dataset["labels"]
    assert [(label + 1) % 5 for label in before] == list(after)
    apart = planted("splits_encoded_apart", yelp)
    assert list(apart.eval_dataset["labels"]) == list(after)
    assert apart.data is yelp.data


def test_class_ids_start_at_1(mrpc: Pipeline) -> None:
    assert set(planted("labels_from_1", mrpc).train_dataset["labels"]) == {1, 2}


def test_a_class_is_left_out(mrpc: Pipeline) -> None:
    bad = planted("class_never_trained", mrpc)
    assert set(bad.train_dataset["labels"]) == {0}
    assert len(bad.data.train) == len(bad.train_dataset)
    assert set(planted("class_never_evaluated", mrpc).eval_dataset["labels"]) == {0}


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_half_of_the_rows_stand_twice_with_other_labels(healthy: Callable[..., Pipeline], task: str) -> None:
    pipeline = healthy(task)
    rows = planted("contradictory_annotations", pipeline).train_dataset
    count = len(pipeline.train_dataset)
    assert len(rows) == count + count // 2
    assert ids(rows)[count:] == ids(rows)[: count // 2]
    assert all(
        first != second for first, second in zip(rows["labels"][: count // 2], rows["labels"][count:], strict=True)
    )


@pytest.mark.parametrize(("name", "columns"), [("evaluation_leaked", [0, 1]), ("evaluation_leaked_swapped", [1, 0])])
def test_evaluated_rows_are_trained_on(mrpc: Pipeline, name: str, columns: list[int]) -> None:
    bad = planted(name, mrpc)
    names = [mrpc.card.text_columns[column] for column in columns]
    assert ids(bad.train_dataset)[64:] == again(mrpc, *names, split="evaluation")
    assert bad.data.train["sentence1"][64:] == mrpc.data.evaluation[names[0]][:]
    assert bad.train_dataset["labels"][64:] == mrpc.eval_dataset["labels"][:]


def test_train_rows_are_evaluated(mrpc: Pipeline) -> None:
    bad = planted("evaluation_on_train", mrpc)
    assert ids(bad.eval_dataset) == ids(mrpc.train_dataset)[:32]
    assert bad.data.evaluation["sentence1"][:] == mrpc.data.train["sentence1"][:32]


def test_nothing_is_left_to_evaluate(mrpc: Pipeline) -> None:
    bad = planted("evaluation_filtered_away", mrpc)
    assert len(bad.eval_dataset) == len(bad.data.evaluation) == 0


def test_rows_of_a_fixed_length_keep_it(mrpc: Pipeline) -> None:
    from dataclasses import replace

    fixed = mrpc
    for split in ("train_dataset", "eval_dataset"):
        rows = getattr(mrpc, split)
        padded = [row + [0] * (48 - len(row)) for row in rows["input_ids"]]
        masks = [row + [0] * (48 - len(row)) for row in rows["attention_mask"]]
        rows = rows.remove_columns(["input_ids", "attention_mask", "token_type_ids"])
        fixed = replace(fixed, **{split: rows.add_column("input_ids", padded).add_column("attention_mask", masks)})
    bad = planted("second_segment_lost", fixed)
    limit = mrpc.card.recipe(mrpc.tier, mrpc.checkpoint.name)["max_length"]
    assert {len(row) for row in ids(bad.train_dataset)} == {limit}
    assert {len(row) for row in bad.train_dataset["attention_mask"]} == {limit}
