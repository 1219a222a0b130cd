"""Batches for the manual engine, with the Trainer's columns and order."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, RandomSampler, Sampler
from transformers.trainer_pt_utils import LengthGroupedSampler

from pytest_ftcheck.columns import LABEL_NAMES, label_names_in, list_lengths
from pytest_ftcheck.pipeline.forward import forward_parameters
from pytest_ftcheck.pipeline.trainer_rows import judged_rows
from pytest_ftcheck.training.compilation import of_few_lengths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datasets import Dataset
    from torch import Tensor, nn
    from transformers import Trainer, TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline


def make_loaders(
    pipeline: Pipeline, model: nn.Module, args: TrainingArguments, trainer: Trainer | None
) -> tuple[DataLoader[dict[str, Tensor]], DataLoader[dict[str, Tensor]]]:
    """Make the batches of training and evaluation; a user's Trainer makes its own batches."""
    if trainer is None:
        return make_train_loader(pipeline, model, args), make_eval_loader(pipeline, model, args)
    train = trainer.get_train_dataloader()
    # With group_by_length, the Trainer would also reorder the evaluation rows.
    trainer.args.train_sampling_strategy = "random"
    return train, trainer.get_eval_dataloader(judged_rows(trainer))


def make_train_loader(pipeline: Pipeline, model: nn.Module, args: TrainingArguments) -> DataLoader[dict[str, Tensor]]:
    """Make batches in random order, or of rows with similar lengths if the recipe groups them by length."""
    rows = pipeline.train_dataset
    sampler: Sampler[int] = RandomSampler(rows)
    common = _common(pipeline, args)
    by_length = args.train_sampling_strategy == "group_by_length"
    lengths = list_lengths(rows, "input_ids").tolist() if by_length or args.torch_compile else []
    if args.torch_compile:
        common["collate_fn"] = of_few_lengths(pipeline.data_collator, max(lengths))
    if by_length:
        sampler = LengthGroupedSampler(args.train_batch_size * args.gradient_accumulation_steps, lengths=lengths)
    return DataLoader(
        accepted_columns(rows, model, args),
        batch_size=args.train_batch_size,
        sampler=sampler,
        drop_last=args.dataloader_drop_last,
        **common,
    )


def make_eval_loader(pipeline: Pipeline, model: nn.Module, args: TrainingArguments) -> DataLoader[dict[str, Tensor]]:
    """Make batches of every evaluation row, in order."""
    rows = accepted_columns(pipeline.eval_dataset, model, args)
    return DataLoader(rows, batch_size=args.eval_batch_size, shuffle=False, **_common(pipeline, args))


def _common(pipeline: Pipeline, args: TrainingArguments) -> dict[str, Any]:
    return {
        "collate_fn": pipeline.data_collator,
        "num_workers": args.dataloader_num_workers,
        "pin_memory": args.dataloader_pin_memory,
    }


def accepted_columns(rows: Dataset, model: nn.Module, args: TrainingArguments) -> Any:
    """Remove the columns that the model does not accept, unless the recipe keeps them."""
    return only_accepted(rows, model) if args.remove_unused_columns else rows


def only_accepted(rows: Dataset, model: nn.Module) -> Dataset:
    """Remove the columns that the model does not accept before the collator, as the Trainer does."""
    accepted = {*forward_parameters(model), *LABEL_NAMES, *label_names_in(rows.column_names)}
    extra = [column for column in rows.column_names if column not in accepted]
    return rows.remove_columns(extra) if extra else rows


def grouped(batches: Any, size: int) -> Iterator[list[dict[str, Tensor]]]:
    """Yield the micro-batches of each optimizer step; the last group of an epoch may be smaller."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group
