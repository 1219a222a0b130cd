"""Checks of the same function, computed by other code: attention, recomputed activations, compiled layers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, check
from pytest_ftcheck.checks.equivalence.ways import (
    FALSE_ALARMS,
    LIMITS,
    TOLERANCE,
    compared,
    other_way,
    reference,
    require_same_rows,
    same_length,
    same_weights,
    verdict,
)
from pytest_ftcheck.checks.training.declared import arguments
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.training.variants import Attention, Checkpointed, attention_of, has_attention, set_attention

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.equivalence.ways import Reference
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.training.probe import Probe

_WAYS = ("eager", "sdpa")
_COMPILER = "inductor"
_RECOMPUTES = ("gradient_checkpointing", "activation_checkpointing")
"""Names of the argument in different releases of transformers."""


@check(
    "equivalence.attention",
    cost="extra-training",
    thresholds=LIMITS,
    false_alarms=FALSE_ALARMS,
    tolerance=TOLERANCE,
    catches="a custom attention that ignores the mask, scales differently or drops out in one implementation only",
    hint="compare how both implementations get mask, scale and dropout; attn_implementation selects between them.",
)
def attention(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Attention by ``sdpa`` and by ``eager`` gives the same losses and gradients.

    The comparison is that of ``equivalence.accumulation``; `set_attn_implementation` sets the implementation.

    Assumes: both implementations compute the same attention.

    Unusual but healthy: models with one implementation are skipped.

    False alarms: at most 1.25e-3 a session (t test, Bonferroni over the family's tests), where it is asked for.
    """
    first, ways = reference(evidence), " and ".join(_WAYS) + " attention"
    _require_attention(evidence)
    one, two = (other_way(evidence, first, variant=Attention(name)) for name in _WAYS)
    return _judge(evidence, first, one, two, thresholds, ways)


def _require_attention(evidence: Evidence) -> None:
    """Stop a check if there is only one implementation.

    Raises:
        NotApplicable: transformers cannot select the implementation.

    """
    model: Any = evidence.make_model()
    if not has_attention(model):
        msg = f"{type(model).__name__} has only one implementation of attention: no sdpa in addition to eager"
        raise NotApplicable(msg)
    for name in _WAYS:
        try:
            set_attention(model, name)
        except (ValueError, ImportError) as error:
            msg = f"{type(model).__name__} refuses {name} attention: {error}"
            raise NotApplicable(msg) from error
        if attention_of(model) != name:
            msg = f"{type(model).__name__} stays with {attention_of(model) or 'its own'} attention when {name} is set"
            raise NotApplicable(msg)


@check(
    "equivalence.gradient_checkpointing",
    cost="extra-training",
    thresholds=LIMITS,
    false_alarms=FALSE_ALARMS,
    tolerance=TOLERANCE,
    catches="layers that give another result when they run again: counters, noise of their own, caches",
    hint="a layer must depend only on its inputs: look for counters, caches and random numbers of its own; pass "
    "gradient_checkpointing_kwargs={'use_reentrant': False}.",
)
def gradient_checkpointing(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training with gradient checkpointing gives the losses and gradients of training without.

    The comparison is that of ``equivalence.accumulation``, over a whole training loop, while
    ``model.gradient_checkpointing`` compares one backward pass.

    Assumes: layers are functions of their inputs.

    Unusual but healthy: models without gradient checkpointing are skipped.

    False alarms: at most 1.25e-3 a session (t test, Bonferroni over the family's tests), where it is asked for.
    """
    first, ways = reference(evidence), "training without and with gradient checkpointing"
    if not getattr(evidence.fresh_model, "supports_gradient_checkpointing", False):
        msg = f"{type(evidence.fresh_model).__name__} has no gradient checkpointing"
        raise NotApplicable(msg)
    declared = arguments(evidence)
    given = [getattr(declared, f"{name}_kwargs", None) for name in _RECOMPUTES]
    options = next((one for one in given if one), {"use_reentrant": False})
    # Set it on the model: a recipe would set it in both ways, and the manual engine does not have this argument.
    off = {name: False for name in _RECOMPUTES if getattr(declared, name, False)}
    plain = other_way(evidence, first, **off)
    second = other_way(evidence, first, variant=Checkpointed(tuple(sorted(options.items()))), **off)
    return _judge(evidence, first, plain, second, thresholds, ways)


@check(
    "equivalence.compiled",
    cost="extra-training",
    thresholds=LIMITS,
    false_alarms=FALSE_ALARMS,
    tolerance=TOLERANCE,
    catches="layers that give another result when they are compiled: branches on is_compiling(), custom operators, "
    "numbers that were constants when the code was traced",
    hint="look for torch.compiler.is_compiling(), for Python numbers that change from step to step, and for operators "
    "of your own; exclude parts from compilation to find the layer.",
)
def compiled(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training with ``torch_compile`` gives the losses and gradients of training without.

    The comparison is that of ``equivalence.accumulation``, with the recipe's own backend, else Inductor.

    Assumes: a compiler is installed.

    Unusual but healthy: a model that does not compile is skipped, with the reason.

    False alarms: at most 1.25e-3 a session (t test, Bonferroni over the family's tests), where it is asked for.
    """
    first, ways = reference(evidence), "training without and with torch_compile"
    args = evidence.pipeline.args
    backend = str(args.get("torch_compile_backend") or _COMPILER)
    how = {"torch_compile_backend": backend, "torch_compile_mode": args.get("torch_compile_mode")}
    try:
        with warnings.catch_warnings():  # warnings of the compiler are of no use here
            warnings.simplefilter("ignore")
            torch.compiler.reset()  # otherwise code is reused that was compiled for a model with other hooks
            second = same_weights(evidence, first.rows, first.steps, make=evidence.probe, torch_compile=True, **how)
    except CheckFailure as failure:
        if any(entry.check != "training.completes" for entry in failure.findings):
            raise  # the loss is no longer a number
        msg = f"torch.compile fails here, with backend {backend}: {failure.findings[0].observed}"
        raise NotApplicable(msg) from failure
    return _judge(evidence, first, first.probe, second, thresholds, ways)


def _judge(  # noqa: PLR0917 - the ways, and how they are judged
    evidence: Evidence, first: Reference, one: Probe, two: Probe, thresholds: Thresholds, ways: str
) -> list[Finding]:
    for way in (one, two):
        require_same_rows(evidence, first.probe, way)
    return same_length(one, two, ways) or verdict(
        evidence, compared(one, two, first.null, base=first.probe), thresholds, ways=ways
    )
