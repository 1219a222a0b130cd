"""Rows of an epoch: each once, with its own label, in mixed order."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.runs.trace import Pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from datasets import Dataset

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]
    Traced = Callable[..., Evidence]


def said(judged: Judged, check: str, evidence: Any, **thresholds: float) -> list[str]:
    return [entry.observed for entry in judged(f"training.{check}", evidence, **thresholds)]


def first_epoch(evidence: Evidence, **changes: Any) -> tuple[Pass, ...]:
    first, *others = evidence.run.trace.passes
    return (replace(first, **changes), *others)


# -- rows_once --------------------------------------------------------------------------------------------------------


@pytest.fixture
def epoch(traced: Traced) -> Pass:
    passes = traced().run.trace.passes
    assert passes[0].kind == "train"
    return passes[0]


def with_first(traced: Traced, **changes: Any) -> Evidence:
    return traced(passes=first_epoch(traced(), **changes))


def test_row_that_comes_twice_is_found(judged: Judged, traced: Traced, epoch: Pass) -> None:
    rows, labels = (*epoch.rows[:-1], epoch.rows[0]), (*epoch.labels[:-1], epoch.labels[0])
    observed = said(judged, "rows_once", with_first(traced, rows=rows, labels=labels))
    assert observed == ["in epoch 1, 1 rows come more than once and 1 not at all"]


def test_epoch_of_other_length_is_found(judged: Judged, traced: Traced, epoch: Pass) -> None:
    shorter = with_first(traced, rows=epoch.rows[:-1], labels=epoch.labels[:-1])
    (found,) = judged("training.rows_once", shorter)
    assert (found.expected, found.observed) == ("64 rows in epoch 1, each once", "63 rows")
    longer = with_first(traced, rows=(*epoch.rows, 1), labels=(*epoch.labels, 1.0))
    assert said(judged, "rows_once", longer) == ["65 rows"]


def test_last_epoch_may_end_in_its_middle(judged: Judged, traced: Traced, epoch: Pass) -> None:
    half = replace(epoch, rows=epoch.rows[:24], labels=epoch.labels[:24], batch_sizes=(8, 8, 8))
    assert said(judged, "rows_once", traced(passes=(epoch, half))) == []


def test_last_batch_may_be_dropped(judged: Judged, toy: Toy) -> None:
    assert said(judged, "rows_once", toy(dataloader_drop_last=True, per_device_train_batch_size=24)) == []


def test_label_of_another_row_is_found(judged: Judged, traced: Traced, epoch: Pass) -> None:
    turned = (1 - epoch.labels[0], *epoch.labels[1:])
    (observed,) = said(judged, "rows_once", with_first(traced, labels=turned))
    assert observed.startswith("1 rows of epoch 1 have another one: ")
    nothing = (math.nan,) * 64
    assert said(judged, "rows_once", with_first(traced, labels=nothing)) == []


def test_equal_rows_may_have_different_labels(judged: Judged, toy: Toy, traced: Traced, kit: Any) -> None:
    def contradictory(rows: Any) -> Any:
        twice = rows.select([*range(63), 0])
        return twice.remove_columns("labels").add_column("labels", [*twice["labels"][:63], 1 - twice["labels"][0]])

    pipeline = toy(rows=contradictory)
    assert said(judged, "rows_once", traced(pipeline, passes=tuple(kit.healthy_passes(pipeline)))) == []


def test_values_are_compared_as_batches_hold_them(judged: Judged, toy: Toy) -> None:
    assert said(judged, "rows_once", toy(regression=True, num_train_epochs=1)) == []


def test_collator_that_moves_labels_is_found(judged: Judged, toy: Toy, kit: Any) -> None:
    def moved(features: list[dict[str, Any]]) -> Any:
        batch = kit.pad_rows(features)
        return {**batch, "labels": batch["labels"].roll(1)}

    (observed,) = said(judged, "rows_once", toy(parts={"data_collator": moved}, num_train_epochs=1))
    assert "rows of epoch 1 have another one" in observed


def test_rows_that_change_on_the_way_are_only_counted(judged: Judged, traced: Traced, epoch: Pass) -> None:
    others = tuple(range(64))
    passes = [replace(seen, rows=others) if seen.kind == "train" else seen for seen in traced().run.trace.passes]
    assert said(judged, "rows_once", traced(passes=tuple(passes))) == []
    passes[0] = replace(epoch, rows=others[:60], labels=epoch.labels[:60])
    assert said(judged, "rows_once", traced(passes=tuple(passes))) == ["60 rows"]


def test_own_sampler_may_repeat_rows_but_not_move_labels(judged: Judged, toy: Toy, kit: Any) -> None:
    class Balanced(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            labels = torch.tensor(self.train_dataset["labels"])  # type: ignore[index]  # the rows of the toy have an index
            weights = (1.0 / torch.bincount(labels)[labels]).tolist()
            return torch.utils.data.WeightedRandomSampler(weights, len(labels))

    def moved(features: list[dict[str, Any]]) -> Any:
        batch = kit.pad_rows(features)
        return {**batch, "labels": 1 - batch["labels"]}

    assert said(judged, "rows_once", toy(Balanced, num_train_epochs=1)) == []
    assert said(judged, "rows_once", toy(Balanced, num_train_epochs=1, parts={"data_collator": moved})) != []


def test_rows_that_the_seed_draws_are_compared_with_those_of_no_other_seed(
    judged: Judged, toy: Toy, evidence_of: Any
) -> None:
    def drawn_by_seed(rows: Dataset) -> Dataset:
        return rows.select(range(64 if torch.initial_seed() == 0 else 40))

    pipeline = toy(rows=drawn_by_seed, num_train_epochs=2)
    with pytest.raises(NotApplicable, match="other train rows with seed 3 than with seed 0, the reference"):
        said(judged, "rows_once", evidence_of(pipeline, seed=3))
    assert said(judged, "rows_once", evidence_of(pipeline, seed=0)) == []


def test_sampler_with_weights_of_other_rows_is_found(judged: Judged, toy: Toy) -> None:
    class OfSorted(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            labels = torch.tensor(sorted(self.train_dataset["labels"]))  # type: ignore[index]  # as above
            weights = (1.0 / torch.bincount(labels)[labels]).tolist()
            return torch.utils.data.WeightedRandomSampler(weights, len(labels))

    rows = toy().train_dataset
    uneven = rows.select([place for place, label in enumerate(rows["labels"]) if label or place % 4 == 0])
    (observed,) = said(judged, "rows_once", toy(OfSorted, num_train_epochs=1, parts={"train_dataset": uneven}))
    assert "rows have the weight of another class: the weights are in another order" in observed


def test_sampler_that_never_draws_a_class_is_found(judged: Judged, toy: Toy) -> None:
    class OfLabels(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            weights = [float(label) for label in self.train_dataset["labels"]]  # type: ignore[index]  # as above
            return torch.utils.data.WeightedRandomSampler(weights, len(weights))

    (observed,) = said(judged, "rows_once", toy(OfLabels, num_train_epochs=2))
    assert observed.startswith("no row of class 0 (")


def ordered(labels: Callable[[int], int]) -> Any:
    """A stream of rows in this order of the labels."""

    class Rows(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            for place in range(64):
                ids = [2, 20 + place % 40, 21 + place % 7, 3]
                label = labels(place)
                yield {"input_ids": ids, "attention_mask": [1] * 4, "token_type_ids": [0] * 4, "labels": label}

    return Rows()


@pytest.mark.parametrize(("labels", "count"), [(lambda place: place // 32, 1), (lambda place: place * 7 % 13 % 2, 0)])
def test_stream_that_is_sorted_is_found(judged: Judged, toy: Toy, labels: Callable[[int], int], count: int) -> None:
    pipeline = toy(parts={"train_dataset": ordered(labels)}, max_steps=16, per_device_train_batch_size=8)
    found = said(judged, "shuffled", pipeline)
    assert len(found) == count
    assert all(told.endswith("a Trainer takes a stream in its order, without shuffling") for told in found)


def test_sampler_with_a_weight_for_each_class_is_found(judged: Judged, toy: Toy) -> None:
    class OfClasses(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.WeightedRandomSampler([0.3, 0.7], len(self.train_dataset))  # type: ignore[arg-type]  # rows of the toy have a length

    (observed,) = said(judged, "rows_once", toy(OfClasses, num_train_epochs=1))
    assert observed.startswith("2 of 64 rows were drawn (")


def test_sampler_that_takes_the_first_rows_of_every_epoch_is_a_warning(judged: Judged, toy: Toy) -> None:
    class First(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SubsetRandomSampler(range(32))

    (warned,) = judged("training.rows_once", toy(First, num_train_epochs=3))
    assert (warned.level, warned.share) == ("warn", 0.5)
    assert warned.observed.startswith("the same 32 of 64 rows in every epoch (")


# -- shuffled ---------------------------------------------------------------------------------------------------------


class InOneOrder(Trainer):
    """Draws the same order in every epoch."""

    def _get_train_sampler(self, *_: Any) -> Any:
        return OneOrder(torch.randperm(len(self.train_dataset)).tolist())  # type: ignore[arg-type]  # rows of the toy have a length


class OneOrder(torch.utils.data.Sampler[int]):
    def __init__(self, order: list[int]) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Any:
        return iter(self.order)


def test_one_order_for_all_epochs_is_found(judged: Judged, toy: Toy) -> None:
    (found,) = judged("training.shuffled", toy(InOneOrder, num_train_epochs=3))
    assert found.expected == "another order of the rows in every epoch"
    assert found.observed == "the same shuffled order in all 3 epochs (OneOrder)"


def test_the_order_of_the_data_set_may_come_again(judged: Judged, toy: Toy) -> None:
    class AsTheyAre(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)  # type: ignore[arg-type]  # rows of the toy have a length

    assert said(judged, "shuffled", toy(AsTheyAre, num_train_epochs=3)) == []
    assert said(judged, "shuffled", toy(num_train_epochs=3)) == []


def in_order(traced: Traced, labels: Any, batch: int = 8, pipeline: Pipeline | None = None) -> Evidence:
    values = tuple(float(label) for label in labels)
    sizes = tuple(min(batch, len(values) - start) for start in range(0, len(values), batch))
    seen = Pass("train", tuple(range(len(values))), values, sizes, in_train_mode=True, weights_changed=True)
    return traced(pipeline, passes=(seen,)) if pipeline else traced(passes=(seen,))


RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("batch", [1, 4, 8, 32])
@pytest.mark.parametrize("classes", [2, 5, 77])
def test_random_order_is_healthy_and_sorted_is_not(judged: Judged, traced: Traced, batch: int, classes: int) -> None:
    labels = RANDOM.integers(0, classes, 600)
    assert said(judged, "shuffled", in_order(traced, labels, batch)) == []
    (found,) = said(judged, "shuffled", in_order(traced, np.sort(labels), batch))
    assert found.startswith("1.00 in the first epoch, which begins with labels 0, 0, ")


@pytest.mark.parametrize(
    "labels",
    [
        RANDOM.random(64) * 5,  # regression
        np.tile([0, 1], 100),  # alternating: more mixed than by chance
        np.r_[np.zeros(300), np.ones(4)][RANDOM.permutation(304)],
        np.repeat(RANDOM.integers(0, 2, 150), 2),  # every row next to its like
    ],
    ids=["values", "alternating", "rare", "pairs"],
)
def test_other_orders_are_healthy(judged: Judged, traced: Traced, labels: Any) -> None:
    assert said(judged, "shuffled", in_order(traced, labels)) == []


def test_sorted_values_are_found(judged: Judged, traced: Traced) -> None:
    assert said(judged, "shuffled", in_order(traced, np.sort(RANDOM.random(64))))


def test_blocks_of_one_label_are_found(judged: Judged, traced: Traced) -> None:
    assert said(judged, "shuffled", in_order(traced, np.tile(np.repeat([0, 1, 2], 40), 3)))


def test_rows_sorted_within_their_batches_are_healthy(judged: Judged, traced: Traced) -> None:
    labels = np.sort(RANDOM.integers(0, 2, (40, 16)), axis=1).ravel()
    assert said(judged, "shuffled", in_order(traced, labels, 16)) == []


def test_sorted_file_without_shuffling_is_found(judged: Judged, toy: Toy) -> None:
    def by_label(rows: Any) -> Any:
        return rows.select(sorted(range(len(rows)), key=lambda index: rows["labels"][index]))

    recipe = {"num_train_epochs": 1, "eval_strategy": "no"}
    assert said(judged, "shuffled", toy(rows=by_label, **recipe)) == []
    (found,) = judged("training.shuffled", toy(rows=by_label, train_sampling_strategy="sequential", **recipe))
    assert found.expected == "labels mixed by at most 0.5 of the way from chance (0) to sorted by label (1)"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [([0, 1] * 8, "too few rows"), ([1] * 64, "no two different labels"), ([math.nan] * 64, "no two different labels")],
)
def test_nothing_to_see_an_order_in(judged: Judged, traced: Traced, labels: list[float], reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        said(judged, "shuffled", in_order(traced, labels))


def test_rows_grouped_by_length_are_not_judged(judged: Judged, toy: Toy, traced: Traced) -> None:
    pipeline = toy(train_sampling_strategy="group_by_length")
    with pytest.raises(NotApplicable, match="equal length on purpose"):
        said(judged, "shuffled", in_order(traced, np.sort(RANDOM.integers(0, 2, 64)), pipeline=pipeline))


def test_batches_without_token_ids_are_not_judged(judged: Judged, traced: Traced) -> None:
    for check in ("rows_once", "shuffled"):
        with pytest.raises(NotApplicable, match="the rows that reach the model are not known"):
            said(judged, check, traced(passes=()))
