"""Faults of which rows a training draws, and in which order: planted into the samplers that any loop iterates over."""

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
    seen_in_practice="dataset.shuffle() without a seed, or a generator that is seeded by the clock.",
)
def shuffled_without_seed(pipeline: Pipeline) -> Pipeline:
    """The order of the train rows is drawn anew for every run, whatever the seed."""
    return with_patch(pipeline, _drawn_anew, *_SAMPLERS)


def _drawn_anew(original: Any, sampler: Any) -> Any:
    sampler.generator = torch.Generator().manual_seed(int.from_bytes(os.urandom(6), "big"))
    return original(sampler)


@fault(
    needs=(LABEL_PER_ROW,),
    whole_run=True,
    caught_by=("training.shuffled",),
    seen_in_practice="A file sorted by class goes into DataLoader(…) without shuffle=True: the last class is what is "
    "remembered.",
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
    seen_in_practice="RandomSampler(replacement=True), which a weighted sampler is by default.",
)
def drawn_with_replacement(pipeline: Pipeline) -> Pipeline:
    """An epoch draws its rows with replacement: some come twice and a third never."""
    return with_patch(pipeline, _with_replacement, *_SAMPLERS)


def _with_replacement(original: Any, sampler: Any) -> Any:
    order = list(original(sampler))
    draws = torch.randint(len(order), (len(order),), generator=torch.Generator().manual_seed(order[0]))
    return iter([order[int(place)] for place in draws])


@fault(
    caught_by=("training.rows_once",),
    seen_in_practice="WeightedRandomSampler gets one weight for each class, and takes them for those of the first "
    "rows.",
)
def sampled_by_weights_of_classes(pipeline: Pipeline) -> Pipeline:
    """An epoch draws as many rows as there are, all of them from the first few, one for each class."""
    drawn = partial(_first_rows, max(2, pipeline.card.num_labels))
    return with_patch(pipeline, drawn, *_SAMPLERS)


def _first_rows(count: int, original: Any, sampler: Any) -> Any:
    order = list(original(sampler))
    draws = torch.randint(count, (len(order),), generator=torch.Generator().manual_seed(order[0]))
    return iter(draws.tolist())


@fault(
    whole_run=True,
    caught_by=("training.shuffled",),
    seen_in_practice="A sampler makes its generator in __iter__, with one seed; or a distributed one never gets "
    "set_epoch().",
)
def one_order_for_all_epochs(pipeline: Pipeline) -> Pipeline:
    """Every epoch draws the rows in the same random order."""
    return with_patch(pipeline, _one_order, *_SAMPLERS)


def _one_order(original: Any, sampler: Any) -> Any:
    del original
    return iter(torch.randperm(len(sampler), generator=torch.Generator().manual_seed(7)).tolist())


@fault(
    caught_by=("training.steps",),
    seen_in_practice="A break after a few batches stays in the loop from a dry run, while the schedule is made for "
    "the whole epoch.",
)
def epoch_cut_short(pipeline: Pipeline) -> Pipeline:
    """Every epoch ends after its first four batches."""
    return with_patch(pipeline, _first_batches, "torch.utils.data:BatchSampler.__iter__")


def _first_batches(original: Any, sampler: Any) -> Any:
    # Evaluation goes through its rows in order.
    evaluates = isinstance(sampler.sampler, torch.utils.data.SequentialSampler)
    return original(sampler) if evaluates else islice(original(sampler), _DRY_RUN)
