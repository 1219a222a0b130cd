"""Faults of the rows that a training draws, and of their order: planted in the samplers that any loop uses."""

from __future__ import annotations

import os
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import labels_of, with_chosen, with_patch
from pytest_ftcheck.heads.traits import LABEL_PER_ROW

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

_SAMPLERS = ("torch.utils.data:RandomSampler.__iter__", "transformers.trainer_pt_utils:LengthGroupedSampler.__iter__")
_DRY_RUN = 4


@fault(
    caught_by=("training.seeds",),
    seen_in_practice="dataset.shuffle() is called without a seed, or a generator is seeded with the time.",
)
def shuffled_without_seed(pipeline: Pipeline) -> Pipeline:
    """Every run has another order of the train rows, also with the same seed."""
    return with_patch(pipeline, _drawn_anew, *_SAMPLERS)


def _drawn_anew(original: Any, sampler: Any) -> Any:
    sampler.generator = torch.Generator().manual_seed(int.from_bytes(os.urandom(6), "big"))
    return original(sampler)


@fault(
    needs=(LABEL_PER_ROW,),
    whole_run=True,
    caught_by=("training.shuffled",),
    seen_in_practice="A file that is sorted by class is read by DataLoader(…) without shuffle=True: the model forgets "
    "all classes but the last.",
)
def sorted_without_shuffling(pipeline: Pipeline) -> Pipeline:
    """The train rows are sorted by label and trained on in that order."""
    labels = labels_of(pipeline, "train")
    order = sorted(range(len(labels)), key=labels.__getitem__)
    return with_patch(with_chosen(pipeline, "train", order), _in_order, *_SAMPLERS)


def _in_order(original: Any, sampler: Any) -> Any:
    del original
    return iter(range(len(sampler)))


@fault(
    caught_by=("training.rows_once",),
    seen_in_practice="RandomSampler(replacement=True), or a WeightedRandomSampler, which draws with replacement by "
    "default.",
)
def drawn_with_replacement(pipeline: Pipeline) -> Pipeline:
    """An epoch draws its rows with replacement: some rows are drawn twice, and a third never."""
    return with_patch(pipeline, _with_replacement, *_SAMPLERS)


def _with_replacement(original: Any, sampler: Any) -> Any:
    order = list(original(sampler))
    draws = torch.randint(len(order), (len(order),), generator=torch.Generator().manual_seed(order[0]))
    return iter([order[int(place)] for place in draws])


@fault(
    caught_by=("training.rows_once",),
    seen_in_practice="WeightedRandomSampler gets one weight for each class, and treats them as the weights of the "
    "first rows.",
)
def sampled_by_weights_of_classes(pipeline: Pipeline) -> Pipeline:
    """An epoch draws the right number of rows, but only from the first rows, as many as there are classes."""
    drawn = partial(_first_rows, max(2, pipeline.card.num_labels))
    return with_patch(pipeline, drawn, *_SAMPLERS)


def _first_rows(count: int, original: Any, sampler: Any) -> Any:
    order = list(original(sampler))
    draws = torch.randint(count, (len(order),), generator=torch.Generator().manual_seed(order[0]))
    return iter(draws.tolist())


@fault(
    whole_run=True,
    caught_by=("training.shuffled",),
    seen_in_practice="A sampler makes its generator in __iter__, with a fixed seed; or set_epoch() of a distributed "
    "sampler is never called.",
)
def one_order_for_all_epochs(pipeline: Pipeline) -> Pipeline:
    """Every epoch draws the rows in the same random order."""
    return with_patch(pipeline, _one_order, *_SAMPLERS)


def _one_order(original: Any, sampler: Any) -> Any:
    del original
    return iter(torch.randperm(len(sampler), generator=torch.Generator().manual_seed(7)).tolist())


@fault(
    caught_by=("training.steps",),
    seen_in_practice="A break after a few batches is left in the loop from a dry run, while the schedule is made for "
    "the whole epoch.",
)
def epoch_cut_short(pipeline: Pipeline) -> Pipeline:
    """Every epoch ends after its first four batches."""
    return with_patch(pipeline, _first_batches, "torch.utils.data:BatchSampler.__iter__")


def _first_batches(original: Any, sampler: Any) -> Any:
    # Evaluation reads its rows in order.
    evaluates = isinstance(sampler.sampler, torch.utils.data.SequentialSampler)
    return original(sampler) if evaluates else islice(original(sampler), _DRY_RUN)
