"""Which batches are measured, and what is counted of them."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from torch.utils.data import DataLoader

from pytest_ftcheck.speed.batches import EndlessBatches, Work, collated, endless, representative, work_of

ROWS = [{"x": index} for index in range(22)]


def loader(batch_size: int = 2) -> DataLoader[dict[str, int]]:
    return DataLoader(ROWS, batch_size=batch_size)  # type: ignore[arg-type]  # a list is a data set


@pytest.mark.parametrize(
    ("steps", "accumulation", "first_rows"),
    [
        (3, 1, [2, 10, 18]),
        (99, 1, list(range(0, 22, 2))),
        (2, 2, [4, 6, 12, 14]),
        (1, 1, [10]),
        (1, 99, list(range(0, 22, 2))),
    ],
)
def test_steps_are_spread_over_the_epoch(steps: int, accumulation: int, first_rows: list[int]) -> None:
    assert [batch[0] for batch in representative(loader(), steps, accumulation)] == first_rows


def test_batch_that_is_not_full_is_left_out() -> None:
    assert [len(batch) for batch in representative(loader(4), 99, 1)] == [4] * 5


def test_a_single_batch_is_better_than_none() -> None:
    assert [len(batch) for batch in representative(loader(99), 8, 1)] == [22]


def test_same_batches_come_for_ever() -> None:
    seen = [batch["x"].tolist() for batch in islice(endless(loader(), [[3, 1], [5, 2]]), 5)]
    assert seen == [[3, 1], [5, 2], [3, 1], [5, 2], [3, 1]]
    assert len(EndlessBatches([[0]])) > 10**6


def test_collated_once_for_a_look() -> None:
    assert [batch["x"].tolist() for batch in collated(loader(), [[3, 1], [5]])] == [[3, 1], [5]]


def test_work_counts_tokens_by_the_mask_else_by_the_padding_id_else_all() -> None:
    ids = torch.tensor([[5, 6, 0, 0], [7, 0, 8, 0]])
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]])
    assert work_of([{"input_ids": ids, "attention_mask": mask}], 0) == Work(((2, 4),), 5)
    assert work_of([{"input_ids": ids}], 0).tokens == 4
    assert work_of([{"input_ids": ids}], None).tokens == 8


def test_work_adds_micro_batches_up() -> None:
    work = work_of([{"input_ids": torch.ones(2, 3)}, {"input_ids": torch.ones(4, 5)}], None)
    assert (work.rows, work.positions, work.tokens) == (6, 26, 26)


def test_work_of_other_inputs_counts_rows() -> None:
    assert work_of([{"values": torch.ones(3)}], 0).shapes == ((3, 1),)
