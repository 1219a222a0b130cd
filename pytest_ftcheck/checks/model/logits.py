"""Computes logits of a few rows with the pipeline's own collator and model. Shapes: B rows, T columns, K classes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy
from pytest_ftcheck.checks.collator.batches import COLUMNS
from pytest_ftcheck.checks.collator.moved_rows import moves_rows_with_labels
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.columns import ALL_LABEL_NAMES
from pytest_ftcheck.pipeline.forward import forward_parameters, is_adapter, logits_in

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.collator.batches import Features
    from pytest_ftcheck.checks.evidence import Evidence

MATRIX = 2
"""Number of dimensions of ``[B, T]`` and ``[B, K]``."""
_SMALL = 2_000_000
"""Number of parameters of a model whose forward pass takes about a millisecond for each row."""
_TOGETHER = 16
"""Rows of one forward pass."""
TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 5e-2}
"""Difference of logits that must be equal but for rounding, by precision."""
_COARSE = 5e-2
"""Tolerance of weights in half precision."""
_SAME = {"float32": 1e-3, "half": 1e-1}
"""Largest difference between two evaluations of the same weights, by precision."""


def affordable(evidence: Evidence, small: int, large: int) -> int:
    """Return the number of rows: more for a tiny model than for a large one, so that both take a second at most."""
    return small if evidence.pipeline.checkpoint.parameters < _SMALL else large


def evaluated_features(evidence: Evidence, count: int) -> Features:
    """Return at most ``count`` evaluation rows, evenly spread, as the collator gets them."""
    split = splits(evidence)[1]
    return evidence.features(split.rows, split.few(count))


def takes(model: nn.Module, name: str) -> bool:
    """Return whether a model's forward pass takes a keyword."""
    parameters = forward_parameters(model).values()
    return any(parameter.name == name or parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def trained_model(evidence: Evidence) -> nn.Module:
    """Return the pipeline's own model with the weights that its run saved, in evaluation mode.

    The model is not made by `from_pretrained`, which knows neither a class of the user's own nor changes in place.

    Raises:
        NotApplicable, ReportedBy: the model does not give the logits of the evaluation, or only an adapter was saved.

    """
    require_whole_model(evidence)
    model = deepcopy(evidence.fresh_model)
    saved: dict[str, Tensor] = {}
    for path in sorted(evidence.run.model_folder.glob("*.safetensors")):
        saved |= load_file(path)
    with suppress(RuntimeError):  # of other shapes: the logits tell
        model.load_state_dict(saved, strict=False)
    if evidence.pipeline.draws_labels_anew:  # the logits of the evaluation are those of other masks
        return model
    split, few = splits(evidence)[1], 8
    rows = logits_of_rows(evidence, model, evidence.features(split.rows, list(range(min(few, len(split.rows))))))
    judged, label_ids = evidence.pipeline.card.head_rules.outputs.judged, evidence.run.label_ids
    seen = torch.from_numpy(judged(rows.numpy(), label_ids[: len(rows)]))
    expected = torch.from_numpy(judged(evidence.run.logits[:few], label_ids[:few]))
    logits = torch.from_numpy(judged(evidence.run.logits, label_ids))
    if moves_rows_with_labels(evidence) and logits.shape[1:] == seen.shape[1:]:
        # The evaluation returned the rows in another order: each row is compared with the nearest one.
        expected = logits[(seen[:, None] - logits[None]).abs().amax(dim=-1).argmin(dim=1)]
    tolerance = _SAME["float32" if evidence.precision == "float32" else "half"]
    if seen.shape == expected.shape and float((seen - expected).abs().max()) <= allowed(tolerance, expected):
        return model
    reason = "the saved weights do not give the logits of the evaluation"
    # A class of the user's own may have a saving format that only the user's code can load.
    raise (
        ReportedBy(check="serving.reload", reason=reason) if is_public(evidence.fresh_model) else NotApplicable(reason)
    )


def require_whole_model(evidence: Evidence) -> None:
    """Stop a check that loads the saved folder if the folder does not contain a whole model.

    Raises:
        NotApplicable: an adapter of PEFT was trained, and saved without its base model.

    """
    if is_adapter(evidence.fresh_model):
        msg = "an adapter of PEFT was saved, not a whole model: loading adapters is not supported yet"
        raise NotApplicable(msg)


def is_public(model: nn.Module) -> bool:
    """Return whether the model's class is public; only the user's code can load a class of the user's own."""
    return type(model).__module__.startswith("transformers.")


def require_mask(model: nn.Module) -> None:
    """Stop a check of padding if the model cannot ignore it.

    Raises:
        NotApplicable: the model has no attention mask by design, as FNet; a user's own model without one is judged.

    """
    if not takes(model, "attention_mask") or (
        type(model).__module__.startswith("transformers.") and "attention_mask" not in forward_parameters(model)
    ):
        msg = f"{type(model).__name__} takes no attention_mask"
        raise NotApplicable(msg)


def model_inputs(model: nn.Module, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a batch that a forward pass without labels takes."""
    parameters = forward_parameters(model)
    kinds = {parameter.kind for parameter in parameters.values()}
    open_ended = inspect.Parameter.VAR_KEYWORD in kinds
    needed = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
    return {
        name: value
        for name, value in batch.items()
        if (name in parameters or (open_ended and name in COLUMNS)) and (name not in ALL_LABEL_NAMES or name in needed)
    }


def token_batch(evidence: Evidence, features: Features) -> dict[str, Any]:
    """Collate rows without their labels.

    Raises:
        NotApplicable: there are no token ids in the batch.

    """
    batch = {name: value for name, value in evidence.collate(features).items() if name not in ALL_LABEL_NAMES}
    ids = batch.get("input_ids")
    if not isinstance(ids, torch.Tensor) or ids.dim() < MATRIX:
        msg = f"the batches have no input_ids [B, T], but {', '.join(sorted(batch))}"
        raise NotApplicable(msg)
    return batch


@torch.no_grad()
def logits_of(model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    """Return the logits of a batch in float32 on the CPU; the mode of the model does not change.

    Returns:
        ``[B, K]``, or ``[B, T, K]`` for a model with logits for every token.

    """
    output = model(**model_inputs(model, batch))
    if isinstance(output, Mapping):
        known = "logits" in output or "start_logits" in output
        output = logits_in(output) if known else [value for key, value in output.items() if key != "loss"]
    if isinstance(output, (tuple, list)):
        output = next(value for value in output if isinstance(value, torch.Tensor) and value.dim())
    logits: Tensor = output.detach().float().cpu()
    ids = batch.get("input_ids")
    of_tokens = isinstance(ids, torch.Tensor) and logits.dim() == MATRIX + 1 and logits.shape[:MATRIX] == ids.shape
    return logits if of_tokens else logits.reshape(len(logits), -1)


def kept_columns(logits: Tensor, columns: Tensor) -> Tensor:
    """Return logits ``[B, T, K]`` of some columns ``[T]``; logits ``[B, K]`` have no columns and do not change."""
    return logits[:, columns.cpu()] if logits.dim() > MATRIX else logits


def logits_of_rows(evidence: Evidence, model: nn.Module, features: Features) -> Tensor:
    """Return the logits of rows; row by row if the collator cannot batch ragged rows.

    Returns:
        ``[N, K]``, or ``[N, T, K]`` for a model with logits for every token, padded with zeros.

    """
    parts = []
    for start in range(0, len(features), _TOGETHER):
        together = features[start : start + _TOGETHER]
        try:
            batches = [evidence.collate(together)]
        except (ValueError, TypeError, RuntimeError):
            batches = [evidence.collate([feature]) for feature in together]
        parts += [logits_of(model, batch) for batch in batches]
    widest = max(part.shape[1] for part in parts)
    if parts[0].dim() > MATRIX:
        parts = [nn.functional.pad(part, (0, 0, 0, widest - part.shape[1])) for part in parts]
    return torch.cat(parts)


def row_of(batch: Mapping[str, Any], row: int) -> dict[str, Any]:
    """Return one row of a batch as a batch of its own, with the same columns."""
    rows = len(batch["input_ids"])
    return {name: value[row : row + 1] if _has_rows(value, rows) else value for name, value in batch.items()}


def without_padding(evidence: Evidence, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch of one row without the columns that hold padding."""
    ids = batch["input_ids"]
    real = real_columns(evidence, batch)
    if not bool(real.any()):
        return dict(batch)
    before = (slice(None),) * (ids.dim() - 1)
    return {
        name: value[(*before, real)]
        if isinstance(value, torch.Tensor) and value.shape[: ids.dim()] == ids.shape
        else value
        for name, value in batch.items()
    }


def real_columns(evidence: Evidence, batch: Mapping[str, Any]) -> Tensor:
    """Return which columns of a batch of one row are no padding, ``[T]``: by the pad id, else by the mask.

    For a row with several texts, a column counts if it is not padding in at least one of them.
    """
    tokenizer: Any = evidence.pipeline.processing_class
    ids = batch["input_ids"].flatten(0, -2)
    pad = None if tokenizer is None else tokenizer.pad_token_id
    if pad is not None and pad not in (tokenizer.eos_token_id, tokenizer.sep_token_id, tokenizer.unk_token_id):
        real: Tensor = (ids != pad).any(dim=0)
        return real
    mask = batch.get("attention_mask")
    seen = torch.ones_like(ids) if mask is None else mask.flatten(0, -2)
    return seen.bool().any(dim=0)


def tolerance_of(model: nn.Module, thresholds: Thresholds) -> float:
    """Return the check's tolerance, or a wider one if the model's weights have fewer digits than the run's dtype."""
    coarse = any(parameter.dtype in (torch.float16, torch.bfloat16) for parameter in model.parameters())
    return max(thresholds["tolerance"], _COARSE) if coarse else thresholds["tolerance"]


def allowed(tolerance: float, logits: Tensor) -> float:
    """Return the largest difference that rounding explains: the tolerance, relative for logits above 1."""
    return tolerance * max(1.0, float(logits.abs().max()))


def show(logits: Tensor) -> str:
    """Describe a row of logits."""
    values = ", ".join(f"{value:.4f}" for value in logits.flatten().tolist()[:5])
    return f"[{values}, ...]" if logits.numel() > 5 else f"[{values}]"  # five are enough


def _has_rows(value: Any, rows: int) -> bool:
    if isinstance(value, torch.Tensor):
        return value.dim() > 0 and len(value) == rows
    return isinstance(value, list) and len(value) == rows
