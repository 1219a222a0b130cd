"""Faults of the collator do to a batch what they say. Rows of 3 and 5 tokens; the pad id is 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline


def features() -> list[dict[str, Any]]:
    return [
        {"input_ids": [2, 7, 3], "token_type_ids": [0, 0, 0], "attention_mask": [1, 1, 1], "labels": 1},
        {"input_ids": [2, 8, 3, 9, 3], "token_type_ids": [0, 0, 0, 1, 1], "attention_mask": [1] * 5, "labels": 0},
    ]


def collated(name: str, pipeline: Pipeline, rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    batch = faults()[name].plant(pipeline).data_collator(features() if rows is None else rows)
    return {key: value.tolist() for key, value in batch.items()}


def healthy(pipeline: Pipeline) -> dict[str, Any]:
    return {key: value.tolist() for key, value in dict(pipeline.data_collator(features())).items()}


IDS = [[2, 7, 3, 0, 0], [2, 8, 3, 9, 3]]

CHANGES: dict[str, dict[str, Any]] = {
    "mask_all_ones": {"attention_mask": [[1] * 5] * 2},
    "mask_inverted": {"attention_mask": [[0, 0, 0, 1, 1], [0] * 5]},
    "wrong_pad_id": {"input_ids": [[2, 7, 3, 1, 1], [2, 8, 3, 9, 3]]},
    "padded_left": {"input_ids": [[0, 0, 2, 7, 3], IDS[1]], "attention_mask": [[0, 0, 1, 1, 1], [1] * 5]},
    "rows_reordered": {
        "input_ids": [IDS[1], IDS[0]],
        "attention_mask": [[1] * 5, [1, 1, 1, 0, 0]],
        "token_type_ids": [[0, 0, 0, 1, 1], [0] * 5],
    },
    "token_type_ids_zeroed": {"token_type_ids": [[0] * 5] * 2},
    "token_type_ids_padded_with_1": {"token_type_ids": [[0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]},
    "labels_of_the_neighbour": {"labels": [0, 1]},
    "class_ids_as_floats": {"labels": [1.0, 0.0]},
    "last_row_dropped": {
        "input_ids": IDS[:1],
        "attention_mask": [[1, 1, 1, 0, 0]],
        "token_type_ids": [[0] * 5],
        "labels": [1],
    },
    "padded_to_the_first_row": {
        "input_ids": [[2, 7, 3], [2, 8, 3]],
        "attention_mask": [[1] * 3] * 2,
        "token_type_ids": [[0] * 3] * 2,
    },
    "features_mutated": {
        "input_ids": [[2, 7, 0, 0], [2, 8, 3, 9]],
        "attention_mask": [[1, 1, 0, 0], [1] * 4],
        "token_type_ids": [[0] * 4, [0, 0, 0, 1]],
    },
    "label_is_the_last_column": {},
    "columns_by_position": {},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_batch_is_changed(mrpc: Pipeline, name: str) -> None:
    assert collated(name, mrpc) == healthy(mrpc) | CHANGES[name]


def test_the_mask_is_not_there(mrpc: Pipeline) -> None:
    expected = healthy(mrpc)
    del expected["attention_mask"]
    assert collated("mask_not_collated", mrpc) == expected


def test_batches_are_filled_up_with_rows_of_label_0(mrpc: Pipeline) -> None:
    batch = collated("labels_padded_with_0", mrpc)
    assert batch["input_ids"] == IDS + [[0] * 5] * 6
    assert batch["labels"] == [1, 0] + [0] * 6


def test_batches_are_one_column_short_of_a_multiple(mrpc: Pipeline) -> None:
    batch = collated("one_short_of_a_multiple", mrpc)
    assert {name: len(batch[name][0]) for name in ("input_ids", "attention_mask", "token_type_ids")} == {
        "input_ids": 7,
        "attention_mask": 7,
        "token_type_ids": 7,
    }


def test_features_are_shorter_afterwards(mrpc: Pipeline) -> None:
    rows = features()
    collated("features_mutated", mrpc, rows)
    assert [row["input_ids"] for row in rows] == [[2, 7], [2, 8, 3, 9]]


def test_scores_are_cut_to_whole_numbers(healthy: Callable[..., Pipeline]) -> None:
    rows = [{**row, "labels": label} for row, label in zip(features(), (3.8, 0.2), strict=True)]
    assert collated("scores_rounded", healthy("stsb"), rows)["labels"] == [3.0, 0.0]


def test_words_are_dropped_at_random_and_special_tokens_are_not(mrpc: Pipeline) -> None:
    rows = [{"input_ids": [2, *range(10, 60), 3], "attention_mask": [1] * 52, "labels": 0}] * 8
    torch.manual_seed(0)
    first, second = (collated("words_dropped_at_random", mrpc, rows)["input_ids"] for _ in range(2))
    assert first != second
    assert 20 < sum(row.count(1) for row in first) < 80
    assert {(row[0], row[-1]) for row in first} == {(2, 3)}


def test_the_generator_goes_on_from_batch_to_batch(mrpc: Pipeline) -> None:
    collator = faults()["generator_of_its_own"].plant(mrpc).data_collator
    rows = [features()[1]] * 8
    assert len({str(collator(rows)["input_ids"].tolist()) for _ in range(8)}) > 1


def test_a_worker_keeps_its_share_of_a_batch(mrpc: Pipeline) -> None:
    from torch.utils.data import DataLoader

    collator = faults()["sharded_by_worker"].plant(mrpc).data_collator
    assert len(collator(features())["labels"]) == 2
    loader = DataLoader(features() * 4, batch_size=4, collate_fn=collator, num_workers=2)  # type: ignore[arg-type,var-annotated]  # a list has what is needed
    assert [batch["labels"].tolist() for batch in loader] == [[1, 1], [0, 0]]


def test_columns_in_another_order_are_taken_for_each_other(mrpc: Pipeline) -> None:
    turned = [dict(reversed(row.items())) for row in features()]
    with pytest.raises((ValueError, TypeError, AttributeError)):
        collated("columns_by_position", mrpc, turned)


def test_a_further_column_is_taken_for_the_label(mrpc: Pipeline) -> None:
    rows = [{**row, "id": 40 + number} for number, row in enumerate(features())]
    assert collated("label_is_the_last_column", mrpc, rows)["labels"] == [40, 41]


def test_padding_faults_need_padding(mrpc: Pipeline) -> None:
    from dataclasses import replace

    same = [
        index
        for index, row in enumerate(mrpc.eval_dataset["input_ids"])
        if len(row) == len(mrpc.eval_dataset[0]["input_ids"])
    ]
    fixed = replace(mrpc, eval_dataset=mrpc.eval_dataset.select(same))
    with pytest.raises(NotApplicable, match="all rows have the same length"):
        faults()["mask_all_ones"].plant(fixed)
