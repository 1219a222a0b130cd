"""Checks of the initial weights of the training: their origin, their dtype, and the pad id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.pipeline.checkpoint_files import weight_shapes
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_MOST_SHOWN = 3
_FROM_SCRATCH = 0.8
"""Random fraction of a backbone that was never loaded: its biases, norms and position tables start at constants."""
_FEW_NUMBERS = 1000
_ALIKE = 0.5
"""Cosine of weights that were trained from one start with two seeds; few matrices of random numbers exceed it."""
_UNCORRELATED = 0.1
"""Limit of the cosine between matrices: unrelated ones of a thousand numbers or more stay below it (three standard
deviations), and weights that were only trained further stay above 0.9."""
_BUFFERS = ("position_ids", "masked_bias", "attn.bias", "inv_freq", "num_batches_tracked")
"""Ends of names in older checkpoints that no model needs."""


@dataclass(frozen=True)
class Parts:
    """A model's parameters by name, divided into the pretrained backbone and the head."""

    backbone: dict[str, nn.Parameter]
    head: dict[str, nn.Parameter]
    """Parameters of the head, with the pooler, which comes with a new head."""


def parts_of(model: nn.Module) -> Parts:
    """Divide a model's parameters into backbone and head.

    Raises:
        NotApplicable: no part of the model is a model of transformers.

    """
    inner = unwrapped(model)
    backbone: Any = getattr(inner, getattr(inner, "base_model_prefix", "") or "-", None)
    if not isinstance(backbone, torch.nn.Module) or backbone is inner:
        inside = [child for child in inner.children() if isinstance(child, PreTrainedModel)]
        backbone = max(inside, key=lambda child: child.num_parameters(), default=None)
    if backbone is None:
        msg = f"{type(inner).__name__} contains no pretrained model that can be separated from its head"
        raise NotApplicable(msg)
    below = {id(parameter) for name, parameter in backbone.named_parameters() if "pooler" not in name}
    named = list(model.named_parameters())
    return Parts(
        backbone={name: parameter for name, parameter in named if id(parameter) in below},
        head={name: parameter for name, parameter in named if id(parameter) not in below},
    )


def newly_initialised(evidence: Evidence) -> set[str]:
    """Name the parameters that start from random numbers: they differ with another seed.

    A matrix counts if most of it is new, not only rows for added tokens. Weights that a factory trains differ with the
    seed too, but stay similar.
    """
    first = dict(evidence.fresh_model.named_parameters())
    second = dict(evidence.make_model(evidence.seed + 1).named_parameters())
    return {
        name
        for name, parameter in first.items()
        if name in second
        and parameter.shape == second[name].shape
        and float((parameter != second[name]).float().mean()) > 0.5  # most of it
        and _cosine(parameter, second[name]) < _ALIKE
    }


@check(
    "model.new_weights",
    cost="free",
    # Fraction of the backbone: set more than 0 if layers are reinitialised or left out on purpose.
    thresholds={"new": 0.0, "left_over": 0.0},
    catches="layers that were not loaded, a config that does not fit the weights, from_config for from_pretrained",
    hint="look at the missing, unexpected and mismatched keys in the report of from_pretrained, at prefixes such as "
    "'module.', and at num_hidden_layers.",
)
def new_weights(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Only the head starts from random weights, and all weights of the checkpoint are used.

    Assumes: a checkpoint has all weights below the head.

    Unusual but healthy: a model from scratch without a checkpoint, and adapters, pass; layers that are added or left
    out on purpose need the thresholds ``new`` or ``left_over``.

    False alarms: none by chance. Two seeds that draw equal weights do not occur.
    """
    backbone = parts_of(evidence.fresh_model).backbone
    folder = evidence.pipeline.checkpoint.folder
    sizes = {name: parameter.numel() for name, parameter in backbone.items()}
    total, trained = sum(sizes.values()), {name for name, parameter in backbone.items() if parameter.requires_grad}
    # An adapter is new and trained, among layers that are frozen.
    adapters = trained if sum(sizes[name] for name in trained) < total / 2 else set()
    new = sorted(newly_initialised(evidence) & set(sizes) - adapters)
    if not new and folder is not None:  # a factory that seeds by itself draws the same numbers every time
        new = sorted(_unlike(evidence.fresh_model, folder) & set(sizes) - adapters)
    size = sum(sizes[name] for name in new)
    if folder is None and size > _FROM_SCRATCH * total:
        msg = "the whole model starts from random weights, and no checkpoint is named: it is trained from scratch"
        raise NotApplicable(msg)
    found = []
    if size > thresholds["new"] * total:
        found.append(finding("pretrained weights everywhere below the head", f"random ones in {some_names(new)}"))
    left = _left_over(evidence.fresh_model, folder) if folder is not None else {}
    if sum(left.values()) > thresholds["left_over"] * total:
        found.append(
            finding("a place in the model for every weight of the checkpoint", f"none for {some_names(sorted(left))}")
        )
    return found


def _unlike(model: PreTrainedModel, folder: Path) -> set[str]:
    """Name the matrices that are uncorrelated with those of the same names and shapes in a checkpoint's files."""
    prefix = f"{model.base_model_prefix}."
    matrices = {
        name.removeprefix(prefix): (name, parameter)
        for name, parameter in model.named_parameters()
        if parameter.dim() > 1
    }
    unlike = set()
    for name, tensor in _tensors(folder, weight_shapes(folder)):
        full_name, parameter = matrices.get(name.removeprefix(prefix), ("", None))
        if parameter is None or parameter.shape != tensor.shape or parameter.numel() < _FEW_NUMBERS:
            continue
        if _cosine(parameter, tensor) < _UNCORRELATED:
            unlike.add(full_name)
    return unlike


def _cosine(first: Tensor, second: Tensor) -> float:
    """Return the size of the cosine between two tensors of one shape."""
    left, right = (tensor.detach().cpu().double().flatten() for tensor in (first, second))
    return abs(float(torch.cosine_similarity(left, right, dim=0)))


def _left_over(model: PreTrainedModel, folder: Path) -> dict[str, int]:
    """Return name and size of the checkpoint's backbone weights whose values are nowhere in the model."""
    prefix = f"{model.base_model_prefix}."
    body = {name for name, _ in model.base_model.named_children()}
    there = {name.removeprefix(prefix) for name in model.state_dict()}
    suspects = {}
    for name, shape in weight_shapes(folder).items():
        inner = name.removeprefix(prefix).replace(".gamma", ".weight").replace(".beta", ".bias")
        is_body = inner.partition(".")[0] in body and "pooler" not in inner
        if is_body and inner not in there and not inner.endswith(_BUFFERS):
            suspects[name] = shape
    if not suspects:
        return {}
    loaded = list(model.state_dict().values())  # transformers may convert names
    return {name: tensor.numel() for name, tensor in _tensors(folder, suspects) if not _is_among(tensor, loaded)}


def _tensors(folder: Path, names: dict[str, tuple[int, ...]]) -> list[tuple[str, Tensor]]:
    found = []
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as tensors:
            found += [(name, tensors.get_tensor(name)) for name in tensors.keys() if name in names]  # noqa: SIM118 - no mapping
    return found


def _is_among(tensor: Tensor, others: list[Tensor]) -> bool:
    return any(other.shape == tensor.shape and torch.equal(other.cpu(), tensor.to(other.dtype)) for other in others)


def some_names(names: list[str]) -> str:
    """Describe the first of many names."""
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return f"{', '.join(names[:_MOST_SHOWN])}{more}"


@check(
    "model.dtype",
    cost="free",
    catches="a half-precision checkpoint that is loaded without conversion (dtype='auto'), weights trained in float16",
    hint="pass dtype=torch.float32 to from_pretrained, and leave half precision to bf16=True or fp16=True.",
)
def dtype(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Weights have the requested dtype, and no trained weight is float16.

    Assumes: weights are float32 unless another dtype is requested.

    Unusual but healthy: frozen float16 weights below trained float32 ones, and bfloat16 that the user chose, pass.

    False alarms: none by chance.
    """
    del thresholds
    parameters = {name: p for name, p in evidence.fresh_model.named_parameters() if p.is_floating_point()}
    if evidence.pipeline.source.loads_model:
        wanted = getattr(torch, evidence.environment["dtype"])
        expected, wrong = f"weights in {wanted}", {name: p for name, p in parameters.items() if p.dtype != wanted}
    else:
        # Allow the user's dtype except float16: Adam's epsilon is 0 in float16, and no scaler takes such gradients.
        expected = "no trained weights in torch.float16"
        wrong = {name: p for name, p in parameters.items() if p.requires_grad and p.dtype == torch.float16}
    if not wrong:
        return []
    kinds = ", ".join(sorted({str(parameter.dtype) for parameter in wrong.values()}))
    return [finding(expected, f"{kinds} in {len(wrong)} of {len(parameters)}: {some_names(list(wrong))}")]


@check(
    "model.pad_token_id",
    cost="free",
    catches="a tokenizer of another checkpoint, a pad token that was added to the tokenizer alone",
    hint="take tokenizer and model from one checkpoint, or set model.config.pad_token_id = tokenizer.pad_token_id; "
    "give the collator the same tokenizer.",
)
def pad_token_id(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The pad id is the same in the tokenizer, the model's configuration and the collator.

    Assumes: tokenizer, model and collator use one pad id.

    Unusual but healthy: a tokenizer without a pad token is skipped; a model or collator without a pad id passes.

    False alarms: none by chance.
    """
    del thresholds
    expected = evidence.tokenizer.pad_token_id
    if expected is None:
        msg = "the tokenizer has no pad token"
        raise NotApplicable(msg)
    others = {
        "model.config.pad_token_id": getattr(getattr(evidence.fresh_model, "config", None), "pad_token_id", None),
        "data_collator.tokenizer.pad_token_id": getattr(
            getattr(evidence.pipeline.data_collator, "tokenizer", None), "pad_token_id", None
        ),
    }
    return [
        finding(f"{name} = {expected}, as the tokenizer has it", f"{seen}")
        for name, seen in others.items()
        if seen is not None and seen != expected
    ]
