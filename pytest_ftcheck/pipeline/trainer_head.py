"""Which head a user's Trainer trains: determined from one batch, because a class name is not reliable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel

from pytest_ftcheck.columns import POSITION_NAMES
from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.heads.registry import head_of_outputs, head_of_width
from pytest_ftcheck.heads.traits import LABEL_SETS
from pytest_ftcheck.pipeline.trainer_rows import judged_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.heads.head import Head

_JUDGED = (
    "Judged are classifiers and regressors of text and of its words, masked language models, and models that choose "
    "among texts or find spans, of transformers: they take input_ids [B, T] and return logits [B, K] for labels [B], "
    "or for labels [B, K] of which each is 0 or 1, or logits [B, T, K] for labels [B, T], or start and end logits "
    "[B, T] for start_positions and end_positions [B]; or they take input_ids [B, C, T] and return logits [B, C] for "
    "labels [B]"
)
_PAIR = 2


def head_of(trainer: Any, spec: str) -> Head:
    """Evaluate one batch, and return the head whose outputs it has: by their shapes, else of classes or of values.

    A batch that fails says nothing here: the checks find out why.

    Args:
        trainer: not trained.
        spec: where the Trainer comes from, for messages.

    Raises:
        TaskError: the model has another head, or is none of transformers.

    """
    model = trainer.model
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not isinstance(inner, PreTrainedModel):
        msg = f"{spec}: the Trainer's model is a {type(inner).__module__}.{type(inner).__qualname__}. {_JUDGED}."
        raise TaskError(msg)
    evaluated, width = _one_batch(trainer), int(model.config.num_labels)
    declared = getattr(model.config, "problem_type", None)
    found = _head_of_labels(trainer, width) if evaluated is None else _head_of_batch(*evaluated, width)
    found = found if found is None or found.model.takes(inner) else None
    # Numbers from 0 to 1 may be values: what the configuration says of them decides.
    unsure = found is not None and LABEL_SETS in found.traits and declared not in {None, found.model.problem_type}
    if found is not None and not unsure:
        return found
    other = "" if evaluated is None else _other_input(evaluated[0]) or _other_output(*evaluated[1:], declared)
    if other:
        msg = f"{spec}: the Trainer's model is a {type(inner).__name__}, {other}. {_JUDGED}."
        raise TaskError(msg)
    return head_of_width(width)


def _head_of_batch(batch: Mapping[str, Any], logits: Any, labels: Any, width: int) -> Head | None:
    """Return the head that gives such outputs of a batch; None where none is sure."""
    if labels is None and set(POSITION_NAMES) <= set(batch):
        # Of a class whose name does not tell the Trainer that these are labels: a check names this.
        return _head_of_ends(batch, width)
    several_texts = getattr(batch.get("input_ids"), "ndim", 0) > _PAIR
    return head_of_outputs(logits, labels, width, several_texts=several_texts)


def _head_of_labels(trainer: Any, width: int) -> Head | None:
    """Return the head that the first batch's labels are of, where the model fails on it; None where none is sure."""
    try:
        batch = next(iter(trainer.get_eval_dataloader(judged_rows(trainer))))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - code of the user: the checks tell what is wrong with it
        return None
    if set(POSITION_NAMES) <= set(batch):
        return _head_of_ends(batch, width)
    labels = batch.get("labels")
    if not isinstance(labels, torch.Tensor) or labels.dim() == 0:
        return None
    return head_of_outputs(torch.zeros(len(labels), width), labels, width)


def _head_of_ends(batch: Mapping[str, Any], width: int) -> Head | None:
    """Return the head whose labels are first and last token, where those of a batch are; else None."""
    ends = tuple(batch[name] for name in POSITION_NAMES)
    return head_of_outputs((torch.zeros(len(ends[0]), 1),) * _PAIR, ends, width)


def _one_batch(trainer: Any) -> tuple[Mapping[str, Any], Any, Any] | None:
    """Evaluate the first batch as the Trainer does; return it with logits and labels, or None where it fails."""
    model, was_training = trainer.model, trainer.model.training
    try:
        batch = next(iter(trainer.get_eval_dataloader(judged_rows(trainer))))
        model.eval()
        with torch.no_grad():
            _, logits, labels = trainer.prediction_step(model, dict(batch), prediction_loss_only=False)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - code of the user: the checks tell what is wrong with it
        return None
    finally:
        model.train(was_training)
    return batch, logits, labels


def _other_input(batch: Mapping[str, Any]) -> str:
    """Say what a model takes in the place of one row of tokens; an empty text where it takes that."""
    ids = batch.get("input_ids")
    if ids is None:
        return f"whose batches have {', '.join(batch)}, and no input_ids: not a model of text"
    if ids.dim() > _PAIR:
        return f"which takes several texts a row, input_ids {_shapes(ids)}, and gives no logits [B, C] for labels [B]"
    return ""


def _other_output(logits: Any, labels: Any, declared: str | None) -> str:
    """Say which other head gives outputs of such shapes; an empty text where it is one that is judged.

    Args:
        logits: of a batch.
        labels: likewise.
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
        kind = "which gives every token a label, or writes text"
        if first.dim() == _PAIR and first.shape == labels.shape:
            kind = f"which gives a row several {_kind_of(labels, declared)}"
        elif labels.is_floating_point():
            kind = "whose labels are not as wide as its logits"
        return f"{kind}: {shapes}"
    return f"which gives every token logits: {shapes}" if first.dim() > _PAIR else ""


def _kind_of(labels: torch.Tensor, declared: str | None) -> str:
    """Name labels ``[B, K]`` that are not 0 or 1 each, and what to do with them."""
    if bool(((labels < 0) | (labels > 1)).any()) or declared == head_of_width(1).model.problem_type:
        return "numbers to learn (give one number a row, or train a model for each)"
    return "shares that compete (give the class of the largest share; for labels that do not compete, set problem_type)"


def _shapes(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_shapes, value))})"
    return str(tuple(value.shape)) if hasattr(value, "shape") else type(value).__name__
