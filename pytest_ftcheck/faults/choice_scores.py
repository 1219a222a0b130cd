"""Faults of multiple choice in batch and model: choices in the wrong order, and a context that the model ignores.

Shapes: B rows, C choices, T columns.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.choices import endings_give_the_answer
from pytest_ftcheck.faults.collators import Batch, with_batches
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import body_of, tokenizer_of, with_model
from pytest_ftcheck.heads.traits import CHOICES

if TYPE_CHECKING:
    from torch import nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_AXES = 3
"""Of [B, C, T]."""


@fault(
    needs=(CHOICES,),
    caught_by=("collator.choices_together",),
    seen_in_practice="Choices are flattened row by row, reshaped with view(C, B, -1), and transposed.",
)
def choices_flattened_by_place(pipeline: Pipeline) -> Pipeline:
    """The collator reshapes the choices of all rows in the wrong order."""
    return with_batches(pipeline, _reshaped)


def _reshaped(batch: Batch) -> Batch:
    return {
        name: value.reshape(value.shape[1], value.shape[0], -1).transpose(0, 1).contiguous()
        if isinstance(value, torch.Tensor) and value.dim() == _AXES
        else value
        for name, value in batch.items()
    }


@fault(
    needs=(CHOICES,),
    caught_by=("model.choice_permutation", "model.batch_invariance"),
    seen_in_practice="A custom head computes scores.view(num_choices, -1).T although the batch was flattened row by "
    "row.",
)
def logits_reshaped_by_place(pipeline: Pipeline) -> Pipeline:
    """The model puts the scores of the choices into rows in the wrong order."""
    return with_model(pipeline, _reshape_logits)


def _reshape_logits(model: nn.Module) -> None:
    model.register_forward_hook(_transposed)


def _transposed(model: Any, args: Any, output: Any) -> Any:
    del model, args
    rows, choices = output.logits.shape
    output.logits = output.logits.reshape(choices, rows).T.contiguous()
    return output


@fault(
    needs=(CHOICES,),
    caught_by=("model.context_matters",),
    whole_run=True,
    seen_in_practice="The head pools only the tokens of the second segment, which holds the answer.",
)
def context_ignored(pipeline: Pipeline) -> Pipeline:
    """The model ignores all tokens before the first separator, and the wrong endings lack their full stop."""
    separator = tokenizer_of(pipeline).sep_token_id
    if separator is None:
        msg = "the tokenizer has no separator"
        raise NotApplicable(msg)
    return with_model(endings_give_the_answer(pipeline), partial(_blind_before, separator=int(separator)))


def _blind_before(model: nn.Module, separator: int) -> None:
    body_of(model).register_forward_pre_hook(partial(_second_segment, separator=separator), with_kwargs=True)


def _second_segment(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], separator: int) -> Any:
    """Mask all tokens before the first separator, except the first token."""
    del module
    ids = args[0] if args else kwargs["input_ids"]
    seen = ((ids == separator).long().cumsum(dim=-1) > 0).long()
    seen[..., 0] = 1
    given = kwargs.get("attention_mask", args[1] if len(args) > 1 else None)
    mask = seen if given is None else given * seen
    return ((args[0], mask, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "attention_mask": mask})
