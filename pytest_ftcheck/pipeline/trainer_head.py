"""Determines the head of a user's Trainer from one batch, because a class name is not reliable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel

from pytest_ftcheck.columns import ALL_LABEL_NAMES, POSITION_NAMES
from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.heads.registry import head_of_outputs, head_of_width
from pytest_ftcheck.heads.traits import LABEL_SETS
from pytest_ftcheck.pipeline.quiet import warnings_of_a_script
from pytest_ftcheck.pipeline.trainer_rows import judged_rows

if TYPE_CHECKING:
    from pytest_ftcheck.heads.head import Head

_JUDGED = (
    "Supported are these models of transformers: classification and regression of texts, classification of tokens, "
    "masked language modelling, multiple choice and question answering. They take input_ids [B, T] and return logits "
    "[B, K] for labels [B], or for labels [B, K] of which each is 0 or 1, or logits [B, T, K] for labels [B, T], or "
    "start and end logits [B, T] for start_positions and end_positions [B]; or they take input_ids [B, C, T] and "
    "return logits [B, C] for labels [B]"
)
_PAIR = 2


def head_of(trainer: Any, spec: str) -> Head:
    """Evaluate one batch, and return the head with such outputs: by their shapes, else the head of classes or values.

    An error of the batch is ignored here if the labels are known without it: the checks report it.

    Args:
        trainer: not trained.
        spec: where the Trainer comes from, for messages.

    Raises:
        TaskError: the model has another head, or is not a model of transformers; or only the collator could say what
            the labels are, and it fails.

    """
    model = trainer.model
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not isinstance(inner, PreTrainedModel):
        msg = f"{spec}: the Trainer's model is a {type(inner).__module__}.{type(inner).__qualname__}. {_JUDGED}."
        raise TaskError(msg)
    width, declared = int(model.config.num_labels), getattr(model.config, "problem_type", None)
    with warnings_of_a_script():
        evaluated, error = _one_batch(trainer)
        found = _head_of_labels(trainer, width) if evaluated is None else _head_of_batch(*evaluated, width)
    found = found if found is None or found.model.takes(inner) else None
    # Numbers from 0 to 1 may be values: the configuration decides.
    unsure = found is not None and LABEL_SETS in found.traits and declared not in {None, found.model.problem_type}
    if found is not None and not unsure:
        return found
    other = "" if evaluated is None else _other_input(evaluated[0]) or _other_output(*evaluated[1:], declared)
    if other:
        msg = f"{spec}: the Trainer's model is a {type(inner).__name__}, {other}. {_JUDGED}."
        raise TaskError(msg)
    columns = getattr(trainer.eval_dataset, "column_names", None)
    labels = {*(trainer.label_names or ()), *ALL_LABEL_NAMES}
    if error is not None and isinstance(columns, list) and labels.isdisjoint(columns):
        msg = (
            f"{spec}: eval_dataset has no labels (it has {', '.join(columns)}), and its first batch cannot be "
            f"evaluated, so that the collator's are not known: {_in_one_line(error)}. Correct the collator, or keep "
            "the column 'label' or 'labels'."
        )
        raise TaskError(msg)
    return head_of_width(width)


def _in_one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _head_of_batch(batch: Mapping[str, Any], logits: Any, labels: Any, width: int) -> Head | None:
    """Return the head with such outputs of a batch; None if it is not certain."""
    if labels is None and set(POSITION_NAMES) <= set(batch):
        # By the class's name, the Trainer does not recognise these labels: a check reports this.
        return _head_of_ends(batch, width)
    several_texts = getattr(batch.get("input_ids"), "ndim", 0) > _PAIR
    return head_of_outputs(logits, labels, width, several_texts=several_texts)


def _head_of_labels(trainer: Any, width: int) -> Head | None:
    """Return the head by the labels of the first batch, if the model fails on it; None if it is not certain."""
    try:
        batch = next(iter(trainer.get_eval_dataloader(judged_rows(trainer))))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - code of the user: the checks tell what is wrong with it
        return None
    if not isinstance(batch, Mapping):
        return None
    if set(POSITION_NAMES) <= set(batch):
        return _head_of_ends(batch, width)
    labels = batch.get("labels")
    if not isinstance(labels, torch.Tensor) or labels.dim() == 0:
        return None
    return head_of_outputs(torch.zeros(len(labels), width), labels, width)


def _head_of_ends(batch: Mapping[str, Any], width: int) -> Head | None:
    """Return the head whose labels are first and last token if the batch has such labels; else None."""
    ends = tuple(batch[name] for name in POSITION_NAMES)
    return head_of_outputs((torch.zeros(len(ends[0]), 1),) * _PAIR, ends, width)


def _one_batch(trainer: Any) -> tuple[tuple[Mapping[str, Any], Any, Any] | None, BaseException | None]:
    """Evaluate the first batch as the Trainer does; return it with logits and labels, or the error where it fails."""
    model, was_training = trainer.model, trainer.model.training
    try:
        batch = next(iter(trainer.get_eval_dataloader(judged_rows(trainer))))
        model.eval()
        with torch.no_grad():
            _, logits, labels = trainer.prediction_step(model, dict(batch), prediction_loss_only=False)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a user's collator or model may raise anything, also SystemExit
        return None, error
    finally:
        model.train(was_training)
    return (batch, logits, labels), None


def _other_input(batch: Mapping[str, Any]) -> str:
    """Describe inputs other than one row of tokens; an empty string for one row of tokens."""
    ids = batch.get("input_ids")
    if ids is None:
        return f"whose batches have {', '.join(batch)}, but no input_ids: it is not a model of text"
    if ids.dim() > _PAIR:
        return f"which takes several texts a row, input_ids {_shapes(ids)}, but returns no logits [B, C] for labels [B]"
    return ""


def _other_output(logits: Any, labels: Any, declared: str | None) -> str:
    """Describe an unsupported head by the shapes of its outputs; an empty string for a supported head.

    Args:
        logits: logits of a batch.
        labels: labels of the batch.
        declared: ``problem_type`` of the model's configuration.

    """
    shapes = f"logits {_shapes(logits)} and labels {_shapes(labels)}"
    if isinstance(labels, (tuple, list)) and len(labels) == _PAIR:
        return f"which has two labels a row that are not first and last token of a span, whole numbers [B]: {shapes}"
    first = logits[0] if isinstance(logits, (tuple, list)) and logits else logits
    if not isinstance(first, torch.Tensor) or not isinstance(labels, torch.Tensor):
        return ""
    if first.is_complex():
        return f"whose logits are complex numbers ({first.dtype}), of which none is the largest"
    if labels.dim() == _PAIR and labels.shape[1] > 1:
        kind = "which predicts a label for every token, or generates text"
        if first.dim() == _PAIR and first.shape == labels.shape:
            kind = f"which predicts for a row several {_kind_of(labels, declared)}"
        elif labels.is_floating_point():
            kind = "whose labels have another last dimension than its logits"
        return f"{kind}: {shapes}"
    return f"which returns logits for every token: {shapes}" if first.dim() > _PAIR else ""


def _kind_of(labels: torch.Tensor, declared: str | None) -> str:
    """Describe labels ``[B, K]`` that are not all 0 or 1, and what to do."""
    if bool(((labels < 0) | (labels > 1)).any()) or declared == head_of_width(1).model.problem_type:
        return "numbers (use one number a row, or train a model for each)"
    return (
        "probabilities that add up to 1 (use the class with the highest one; for independent labels, set problem_type)"
    )


def _shapes(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_shapes, value))})"
    return str(tuple(value.shape)) if hasattr(value, "shape") else type(value).__name__
