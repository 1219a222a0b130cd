"""Data sets that are read twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from datasets import Dataset
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.pipeline.trainer_source import TrainerSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
ROWS = [{"input_ids": [2, 10 + place, 3], "attention_mask": [1, 1, 1], "labels": place % 2} for place in range(40)]


@pytest.fixture(scope="module")
def toy(make_pipeline: Callable[..., Pipeline]) -> Callable[..., Pipeline]:
    """Return the parts of a user's Trainer with these data sets."""
    parts = make_pipeline("mrpc", train_rows=8, eval_rows=8)

    def made(**given: Any) -> Pipeline:
        trainer = SimpleNamespace(
            train_dataset=Dataset.from_list(ROWS),
            eval_dataset=Dataset.from_list(ROWS),
            args=SimpleNamespace(metric_for_best_model=None),
            model=SimpleNamespace(config=SimpleNamespace()),
        )
        vars(trainer).update(given)
        source = TrainerSource("train.py:build", lambda: trainer)
        source.template = trainer
        read = {name: source.rows.table(name) for name in ("train_dataset", "eval_dataset")}
        data = replace(parts.data, train=read["train_dataset"], evaluation=read["eval_dataset"])
        return replace(parts, source=source, data=data, **read)

    return made


def judge(pipeline: Pipeline) -> list[Finding]:
    none: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=none, make_probe=none)
    return run_check(catalogue()["data.rows_repeat"], evidence)


class Held(TorchDataset[Any]):
    """Rows in memory, as they are read by ``read``."""

    def __init__(self, read: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.rows, self.read = [dict(row) for row in ROWS], read

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.read(self.rows[index])


class Opened(IterableDataset[Any]):
    """A stream that is opened anew each time, or once."""

    def __init__(self, *, once: bool, endless: bool = True) -> None:
        self.once, self.endless = once, endless
        self.iterator = self._open()

    def _open(self) -> Iterator[Any]:
        return cycle(ROWS) if self.endless else iter(ROWS)

    def __iter__(self) -> Iterator[Any]:
        yield from islice(self.iterator if self.once else self._open(), 24)


def popping(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "labels": row.pop("labels", 0), "attention_mask": [1, 1, 1]}


def test_tables_do_not_change(toy: Callable[..., Pipeline]) -> None:
    assert judge(toy()) == []


def test_rows_that_stay_are_healthy(toy: Callable[..., Pipeline]) -> None:
    assert judge(toy(train_dataset=Held(dict), eval_dataset=Opened(once=False))) == []


def test_train_rows_may_be_drawn_anew(toy: Callable[..., Pipeline]) -> None:
    numbers = iter(range(100_000))
    drawn = Held(lambda row: {**row, "input_ids": [2, 10 + next(numbers) % 50, 3]})
    assert judge(toy(train_dataset=drawn)) == []


def test_label_that_is_taken_out_of_the_stored_row_is_found(toy: Callable[..., Pipeline]) -> None:
    (finding,) = judge(toy(train_dataset=Held(popping)))
    assert finding.observed == "20 of 40 rows differ: row 1 has another 'labels' when it is read again: 0 instead of 1"


def test_evaluation_stream_that_goes_on_is_found(toy: Callable[..., Pipeline]) -> None:
    (finding,) = judge(toy(eval_dataset=Opened(once=True)))
    assert finding.observed == ("iterated a second time, the stream gives 24 rows after 24, of which 16 are others")


def test_train_stream_that_ends_for_good_is_found(toy: Callable[..., Pipeline]) -> None:
    (finding,) = judge(toy(train_dataset=Opened(once=True, endless=False)))
    assert finding.observed.endswith("and none when it is iterated again")


def test_evaluation_rows_that_are_changed_at_random_are_found(make_pipeline: Callable[..., Pipeline]) -> None:
    parts = make_pipeline("mrpc", train_rows=20, eval_rows=40)
    (finding,) = judge(select_faults(["evaluation_rows_drawn_anew"])[0].plant(parts))
    assert "has another 'input_ids' when it is read again" in finding.observed
