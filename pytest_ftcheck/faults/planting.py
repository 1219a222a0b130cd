"""Functions that plant a fault: other rows, another model, other calls during training."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import torch
from datasets import ClassLabel, Dataset, Features, Value

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerBase

    from pytest_ftcheck.pipeline.parts import Pipeline

PAIR = 2


@contextmanager
def intercepted(targets: tuple[str, ...], wrapper: Callable[..., Any]) -> Iterator[None]:
    """Pass every call of some functions to a wrapper inside this context, as ``wrapper(original, *args, **kwargs)``.

    Args:
        targets: such as ``torch.optim:Optimizer.zero_grad``; for a method, the class that defines it.
        wrapper: called instead of the original.

    """
    kept = []
    try:
        for target in targets:
            owner, name, original = _resolved(target)
            setattr(owner, name, _through(wrapper, original))
            kept.append((owner, name, original))
        yield
    finally:
        for owner, name, original in reversed(kept):
            setattr(owner, name, original)


def _resolved(target: str) -> tuple[Any, str, Any]:
    """Return a target's module or class, its name there, and the function.

    Raises:
        AttributeError: there is no such function.

    """
    where, _, name = target.rpartition("." if "." in target.partition(":")[2] else ":")
    owner = resolve_name(where)
    if name not in vars(owner):
        msg = f"there is no {target} to intercept."
        raise AttributeError(msg)
    return owner, name, vars(owner)[name]


def _through(wrapper: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, *args, **kwargs)

    return call


def nothing(original: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Do nothing instead of calling the original."""
    del original, args, kwargs


def with_patch(pipeline: Pipeline, wrapper: Callable[..., Any], *targets: str) -> Pipeline:
    """Return the pipeline with some functions intercepted while it trains, evaluates or saves.

    Raises:
        AttributeError: a function does not exist; found now, because an error while it trains would be a caught fault.

    """
    for target in targets:
        _resolved(target)
    return replace(pipeline, patches=(*pipeline.patches, partial(intercepted, targets, wrapper)))


def with_scaled_losses(pipeline: Pipeline, factor: Callable[[int], float]) -> Pipeline:
    """Return the pipeline with each loss scaled before the backward pass, in any engine.

    Args:
        pipeline: to change.
        factor: takes the number of micro-batches of the optimizer step; returns the factor of each micro-batch's loss.

    """
    return replace(pipeline, patches=(*pipeline.patches, partial(_scaled_losses, factor)))


@contextmanager
def _scaled_losses(factor: Callable[[int], float]) -> Iterator[None]:
    count = [1]

    def of_trainer(original: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        count[0] = len(found[0])
        return found

    def of_loop(original: Any, *args: Any, **kwargs: Any) -> Any:
        count[0] = len(args[3] if len(args) > 3 else kwargs["micro_batches"])  # its place
        return original(*args, **kwargs)

    def backward(original: Any, accelerator: Any, loss: Tensor, **kwargs: Any) -> Any:
        return original(accelerator, loss * factor(count[0]), **kwargs)

    with (
        intercepted(("transformers:Trainer.get_batch_samples",), of_trainer),
        intercepted(("pytest_ftcheck.training.manual:optimizer_step",), of_loop),
        intercepted(("accelerate:Accelerator.backward",), backward),
    ):
        yield


def with_model(pipeline: Pipeline, change: Callable[[Any], object]) -> Pipeline:
    """Return the pipeline with a model that is changed in place as soon as it is made."""
    return replace(pipeline, model_init=ChangedModel(pipeline.model_init, change))


def with_args(pipeline: Pipeline, **recipe: Any) -> Pipeline:
    """Return the pipeline with other hyperparameters."""
    return replace(pipeline, args={**pipeline.args, **recipe})


def with_rows(pipeline: Pipeline, split: str, rows: Dataset | None = None, raw: Dataset | None = None) -> Pipeline:
    """Return the pipeline with other tokenized or raw rows; ``split`` is ``train`` or ``evaluation``."""
    if raw is not None:
        pipeline = replace(pipeline, data=replace(pipeline.data, **{split: raw}))
    if rows is None:
        return pipeline
    return replace(pipeline, **{"train_dataset" if split == "train" else "eval_dataset": rows})


def tokenized(pipeline: Pipeline, split: str) -> Dataset:
    """Return the tokenized rows of a split."""
    return pipeline.train_dataset if split == "train" else pipeline.eval_dataset


def raw(pipeline: Pipeline, split: str) -> Dataset:
    """Return the raw rows of a split; with a user's Trainer, these may be the tokenized rows."""
    rows: Dataset = getattr(pipeline.data, split)
    return rows


def is_one_table(pipeline: Pipeline, split: str) -> bool:
    """Whether the tokenized rows are also the raw rows, as often with a user's Trainer."""
    return raw(pipeline, split) is tokenized(pipeline, split)


def with_chosen(pipeline: Pipeline, split: str, indices: Sequence[int]) -> Pipeline:
    """Return the pipeline with these rows of a split in this order, raw and tokenized alike."""
    indices = [int(index) for index in indices]
    rows = tokenized(pipeline, split).select(indices)
    return with_rows(
        pipeline, split, rows, rows if is_one_table(pipeline, split) else raw(pipeline, split).select(indices)
    )


def with_labels(pipeline: Pipeline, split: str, labels: list[Any], *, raw_too: bool = True) -> Pipeline:
    """Return the pipeline with other labels, in the raw rows too unless the mistake was made after reading them."""
    changed = with_rows(pipeline, split, with_column(tokenized(pipeline, split), pipeline.label_column, labels))
    column, rows = pipeline.card.label_column, raw(pipeline, split)
    if raw_too and is_one_table(pipeline, split):
        return with_rows(changed, split, raw=tokenized(changed, split))
    if raw_too and column in rows.column_names:
        changed = with_rows(changed, split, raw=with_column(rows, column, labels))
    return changed


def labels_of(pipeline: Pipeline, split: str) -> list[Any]:
    """Return the labels of the tokenized rows of a split."""
    return list(tokenized(pipeline, split).with_format(None)[pipeline.label_column])


def with_column(rows: Dataset, name: str, values: list[Any]) -> Dataset:
    """Return the rows with other values in a column."""
    feature = rows.features[name]
    if isinstance(feature, ClassLabel) and not all(0 <= value < feature.num_classes for value in values):
        feature = Value("int64")
    # Not `add_column`, which moves the column to the end, and shows a progress bar while it copies selected rows.
    plain = rows.with_format(None)
    return Dataset.from_dict({**plain.to_dict(), name: values}, features=Features({**rows.features, name: feature}))


def require_texts(pipeline: Pipeline) -> None:
    """Refuse a fault that changes texts if the raw texts are not known.

    Raises:
        NotApplicable: no raw text, or no tokenizer.

    """
    if not pipeline.card.text_columns or pipeline.processing_class is None:
        msg = "the raw texts or the tokenizer are not known"
        raise NotApplicable(msg)


def require_pair(pipeline: Pipeline) -> None:
    """Refuse a fault that changes pairs if rows have one segment.

    Raises:
        NotApplicable: no raw text, no tokenizer, or one segment.

    """
    require_texts(pipeline)
    if len(pipeline.card.text_columns) != PAIR:
        msg = "the rows have only one segment"
        raise NotApplicable(msg)


def require_column(pipeline: Pipeline, name: str) -> None:
    """Refuse a fault that changes a column if the rows do not have this column.

    Raises:
        NotApplicable: the rows do not have the column.

    """
    if name not in pipeline.train_dataset.column_names:
        msg = f"the rows have no column {name}"
        raise NotApplicable(msg)


def tokenizer_of(pipeline: Pipeline) -> PreTrainedTokenizerBase:
    """Return the tokenizer.

    Raises:
        NotApplicable: there is none.

    """
    if pipeline.processing_class is None:
        msg = "the pipeline has no tokenizer"
        raise NotApplicable(msg)
    return pipeline.processing_class


def head_of(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters outside the pretrained body."""
    body = {id(parameter) for parameter in body_of(model).parameters()}
    return [parameter for parameter in model.parameters() if id(parameter) not in body]


def body_of(model: nn.Module) -> nn.Module:
    """Return the pretrained body."""
    body: nn.Module = getattr(model, "base_model", model)
    return body


def last_linear(model: nn.Module) -> tuple[str, nn.Linear]:
    """Return the layer that computes the logits, with its name.

    Raises:
        NotApplicable: there is none.

    """
    width = int(model.config.num_labels)  # type: ignore[arg-type,union-attr]  # a configuration of transformers
    body = {id(module) for module in body_of(model).modules()}
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == width and id(module) not in body
    ]
    if not found:
        msg = "the model has no linear layer that computes the logits"
        raise NotApplicable(msg)
    return found[-1]


def with_head(pipeline: Pipeline, change: Callable[[Any], object]) -> Pipeline:
    """Return the pipeline with a model whose last layer is changed.

    Raises:
        NotApplicable: no linear layer gives its logits.

    """
    last_linear(pipeline.model_init())
    return with_model(pipeline, change)
