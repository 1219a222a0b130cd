"""Checks of the gradients of an untrained model: they reach all weights that are meant to be trained, and no others."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.model.logits import affordable, evaluated_features, tolerance_of
from pytest_ftcheck.checks.model.weights import newly_initialised, parts_of, some_names
from pytest_ftcheck.checks.training.declared import arguments, own_callbacks
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.training.probe import without_dropout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_FROZEN_NAMES = ("requires_grad", "require_grad", "required_grad", "requires_grads", "require_grads")


@check(
    "model.gradients",
    cost="forward",
    # Fractions of the trained values: without a path to the loss; with a gradient of 0, as in parts of the last layer
    # if only the first token is read. frozen_backbone = 1: only the head is meant to be trained. head_rate: a learning
    # rate from which on a frozen backbone seems intended; whole models are trained with less.
    thresholds={"cut_off": 0.05, "zero": 0.2, "frozen_backbone": 0.0, "head_rate": 5e-4},
    catches="a backbone that is frozen by accident, detach() or no_grad() in forward(), a head that is not trained, "
    "requires_grad set on a module",
    hint="freeze with module.requires_grad_(False), and look for detach(), torch.no_grad() and .data in forward().",
)
def gradients(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Weights that are meant to be trained receive a gradient, and no others.

    If the whole backbone is frozen, the check only warns if the user's Trainer may intend it: it has callbacks of its
    own, which may unfreeze the backbone later, or a learning rate typical of heads (``head_rate``).

    Assumes: a backbone is trained, at least in part, and so is a new head.

    Unusual but healthy: a backbone that is frozen on purpose warns; adapters, poolers and layers that do not run pass.

    False alarms: none by chance.
    """
    evidence.require_training()
    model = evidence.fresh_model
    found = [*_not_frozen(model), *_frozen(evidence, thresholds)]
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not trained:
        return [finding("parameters that are trained", "requires_grad is False for all of them")]
    batch = evidence.collate(evaluated_features(evidence, affordable(evidence, 16, 4)))
    grads, ran = _gradients_and_runs(evidence, batch)
    # A head may read the first token itself and ignore the output of the pooler.
    cut_off = [name for name, grad in grads.items() if grad is None and name in ran and "pooler" not in name]
    lacking = {
        "cut_off": (cut_off, "the loss does not depend on them: look for detach(), torch.no_grad() or .data."),
        "zero": (_vanishing(evidence, grads, batch), "their gradient is 0: look for a factor of 0 or saturation."),
    }
    total, head = sum(parameter.numel() for parameter in trained.values()), _trained_head(model)
    for limit, (names, hint) in lacking.items():
        share = sum(trained[name].numel() for name in names) / total
        if share > thresholds[limit] or (head and head <= set(names)):
            observed = f"none for {some_names(names)}, {share:.0%} of the values that are trained"
            found.append(finding("a gradient for all trained parameters", observed, hint=hint))
            break
    return found


def _trained_head(model: nn.Module) -> set[str]:
    """Name the trained parameters above the backbone, without the pooler: some heads do not read it."""
    try:
        head = parts_of(model).head
    except NotApplicable:
        return set()
    return {name for name, parameter in head.items() if parameter.requires_grad and "pooler" not in name}


def _gradients_and_runs(evidence: Evidence, batch: dict[str, Any]) -> tuple[dict[str, Tensor | None], set[str]]:
    """Return the gradients of the untrained model, and the names of the parameters whose modules ran."""
    model, ran = evidence.fresh_model, set()
    handle = register_module_forward_pre_hook(lambda module, _: ran.update([id(module)]))
    try:
        grads = _gradients(evidence, model, batch)
    finally:
        handle.remove()
    paths = [(path, module) for path, module in model.named_modules() if id(module) in ran]
    names = {f"{path}.{name}".lstrip(".") for path, m in paths for name, _ in m.named_parameters(recurse=False)}
    return grads, names


def _vanishing(evidence: Evidence, grads: Mapping[str, Tensor | None], batch: dict[str, Any]) -> list[str]:
    """Name the trained parameters whose gradient is 0, except if other parameters start at 0, as in adapters."""
    if not _zero(grads):
        return []
    model = deepcopy(evidence.fresh_model)
    generator = torch.Generator().manual_seed(evidence.seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad and not bool(parameter.any()):
                noise = torch.randn(parameter.shape, generator=generator) * 0.02
                parameter.add_(noise.to(parameter.device, parameter.dtype))
    return _zero(_gradients(evidence, model, batch))


def _zero(grads: Mapping[str, Tensor | None]) -> list[str]:
    return [name for name, gradient in grads.items() if gradient is not None and not bool(gradient.any())]


def _gradients(evidence: Evidence, model: Any, batch: dict[str, Any]) -> dict[str, Tensor | None]:
    """Return the gradient of the pipeline's own loss by parameter; the parameters' own ``grad`` stays as it is."""
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    with torch.enable_grad():
        loss = evidence.loss(model, batch)
        if not loss.requires_grad:
            return dict.fromkeys(trained)
        grads = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    return dict(zip(trained, grads, strict=True))


def _not_frozen(model: nn.Module) -> list[Finding]:
    """Find attributes that were meant to freeze parameters but have no effect."""
    wrong = []
    for path, module in model.named_modules():
        trained = any(parameter.requires_grad for parameter in module.parameters())
        wrong += [
            f"{path or 'model'}.{name}" for name in _FROZEN_NAMES if module.__dict__.get(name) is False and trained
        ]
    for name, parameter in model.named_parameters():
        misspelt = [key for key in _FROZEN_NAMES if vars(parameter).get(key) is False]
        wrong += [f"{name}.{key}" for key in misspelt if parameter.requires_grad]
    if not wrong:
        return []
    hint = "a module is frozen with module.requires_grad_(False), a parameter with parameter.requires_grad = False."
    return [finding("frozen parameters", f"an attribute that freezes nothing: {some_names(wrong)}", hint=hint)]


def _frozen(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Find a backbone that is frozen as a whole, or a new head that is."""
    try:
        parts = parts_of(evidence.fresh_model)
    except NotApplicable:
        return []
    backbone = sum(parameter.requires_grad for parameter in parts.backbone.values())
    head = len(_trained_head(evidence.fresh_model))
    if head and not backbone and parts.backbone and not thresholds["frozen_backbone"]:
        hint = (
            "if this is intended, set frozen_backbone = 1 in the card's thresholds of this check. Else look for a "
            "forgotten requires_grad = False."
        )
        expected = "a backbone that is trained, in parts at least, or adapters in it"
        observed = f"requires_grad is False for all its {len(parts.backbone)} parameters before training"
        if _may_be_meant(evidence, thresholds):
            return [warning(expected, observed, share=0.0, hint=hint)]
        return [finding(expected, observed, hint=hint)]
    above = {name for name in parts.head if "pooler" not in name}
    if backbone and not head and (new := newly_initialised(evidence) & above):
        hint = "the head is random and not trained: unfreeze it; with adapters, name it in modules_to_save."
        return [
            finding("a new head that is trained", f"requires_grad is False for {some_names(sorted(new))}", hint=hint)
        ]
    return []


def _may_be_meant(evidence: Evidence, thresholds: Thresholds) -> bool:
    """Return whether a user's Trainer looks like one that trains a head alone, or that unfreezes the rest later."""
    if evidence.pipeline.source.loads_model:
        return False
    return bool(own_callbacks(evidence)) or arguments(evidence).learning_rate >= thresholds["head_rate"]


@check(
    "model.gradient_checkpointing",
    cost="forward",
    # Tolerance relative to the largest gradient.
    tolerance={"float32": 1e-4, "bfloat16": 5e-2, "float16": 5e-2},
    catches="gradients that are lost or changed by recomputation: reentrant checkpointing above frozen embeddings",
    hint="pass gradient_checkpointing_kwargs={'use_reentrant': False}; above frozen embeddings, reentrant "
    "checkpointing needs model.enable_input_require_grads().",
)
def gradient_checkpointing(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Gradients are the same with and without gradient checkpointing.

    Assumes: checkpointing changes no gradient.

    Unusual but healthy: a model without checkpointing is skipped. A model that draws other random numbers in the second
    forward pass fails.

    False alarms: none by chance. Dropout is off, and the seed is the same twice.
    """
    evidence.require_training()
    if not getattr(evidence.fresh_model, "supports_gradient_checkpointing", False):
        msg = f"{type(evidence.fresh_model).__name__} has no gradient checkpointing"
        raise NotApplicable(msg)
    batch = evidence.collate(evaluated_features(evidence, 4))
    args = evidence.pipeline.args
    given = args.get("gradient_checkpointing_kwargs") or args.get("activation_checkpointing_kwargs")
    options = given or {"use_reentrant": False}
    first = _train_mode_gradients(evidence, batch, None)
    second = _train_mode_gradients(evidence, batch, options)
    lost = [name for name, gradient in first.items() if gradient is not None and second[name] is None]
    if lost:
        return [finding(f"a gradient for {some_names(lost)}, as without", f"none, with {options}")]
    there = [name for name, gradient in first.items() if gradient is not None]
    largest = max((float(_present(first[name]).abs().max()) for name in there), default=0.0)
    off = {name: float((_present(first[name]) - _present(second[name])).abs().max()) for name in there}
    tolerance = tolerance_of(evidence.fresh_model, thresholds)
    wrong = [name for name, value in off.items() if not value <= tolerance * largest]
    if not wrong:
        return []
    worst = max(wrong, key=off.__getitem__)
    expected = f"gradients as without, to {tolerance:g} of the largest, {largest:.3g}"
    return [finding(expected, f"{worst} is off by {off[worst]:.3g}, with {options}")]


def _train_mode_gradients(
    evidence: Evidence, batch: dict[str, Any], options: Mapping[str, Any] | None
) -> dict[str, Tensor | None]:
    """Return gradients in train mode, where checkpointing is active, without dropout; None: no checkpointing."""
    model = deepcopy(evidence.fresh_model)
    without_dropout(model)
    model.train()
    # Functional dropout draws the same in both passes. transformers renames these methods, and warns about it.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), quiet_libraries():
        warnings.simplefilter("ignore")
        if options is None:
            model.gradient_checkpointing_disable()
        else:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=dict(options))
        torch.default_generator.manual_seed(evidence.seed)
        # Reentrant checkpointing supports only backward().
        evidence.loss(model, batch).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}


def _present(gradient: Tensor | None) -> Tensor:
    assert gradient is not None  # noqa: S101 - for the type checker: callers have looked
    return gradient
