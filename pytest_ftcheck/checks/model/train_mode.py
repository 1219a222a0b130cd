"""Checks of train mode: dropout is active, and the settings of layers let the model learn."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.model.logits import affordable, evaluated_features, logits_of, show, token_batch
from pytest_ftcheck.checks.model.weights import some_names
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_FIRST_TOKEN = ("bert", "roberta", "xlm-roberta", "camembert", "electra", "ernie", "data2vec-text", "megatron-bert")
"""Types of models whose classifiers read the first token."""


@check(
    "model.settings",
    cost="free",
    # Fraction of the values that dropout may drop; weight of the newest batch in the statistics of batch normalisation.
    thresholds={"dropout": 0.7, "momentum": 0.5},
    catches="a keep probability that is passed as the dropout probability, a Keras momentum in torch's batch "
    "normalisation, an encoder that is_decoder turns into a text generator",
    hint="nn.Dropout and hidden_dropout_prob take the probability of dropping; the momentum of nn.BatchNorm is the "
    "weight of the newest batch, 1 minus that of Keras.",
)
def settings(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Dropout keeps a part of the values, batch normalisation averages over several batches, encoders are no decoders.

    ``is_decoder`` hides from each token the tokens after it; the heads of models like BERT read the first token.

    Assumes: no layer needs to lose most of its input.

    Unusual but healthy: dropout up to ``dropout``, which some use for small heads, passes.

    False alarms: none by chance.
    """
    evidence.require_training()
    config: Any = unwrapped(evidence.fresh_model).config
    if getattr(config, "is_decoder", False) and config.model_type in _FIRST_TOKEN:
        observed = (
            f"is_decoder = True of a {config.model_type} model: the first token, which its head reads, sees no other"
        )
        hint = "set is_decoder = False: the configuration is that of a text generator."
        return [finding("a token that sees the whole text (an encoder)", observed, hint=hint)]
    modules = dict(evidence.fresh_model.named_modules())
    drops = {name: module.p for name, module in modules.items() if isinstance(module, nn.Dropout)}
    norms = {
        name: module.momentum
        for name, module in modules.items()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is not None  # noqa: SLF001 - of all dimensions
    }
    found = []
    for what, values, most in (("dropout", drops, thresholds["dropout"]), ("momentum", norms, thresholds["momentum"])):
        if high := [name for name, value in values.items() if value > most]:
            of = "the values dropped" if what == "dropout" else "a batch normalisation's statistics replaced"
            expected = f"at most {most:.0%} of {of} ({what})"
            found.append(finding(expected, f"{what} {max(values[name] for name in high):g} in {some_names(high)}"))
    return found


@check(
    "model.train_mode_drops",
    cost="forward",
    false_alarms=1e-6,
    catches="a train() that is overridden or has no effect, so that dropout is never active",
    hint="look for a train() that is overridden, eval() in forward(), and modules that are not children of the model.",
)
def train_mode_drops(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Two forward passes in train mode differ, if the model has dropout.

    Assumes: dropout in train mode changes logits.

    Unusual but healthy: models without dropout, or with it in frozen parts alone, are skipped.

    False alarms: at most 1e-6 (two passes that drop the same values of all rows).
    """
    del thresholds
    evidence.require_training()
    batch = token_batch(evidence, evaluated_features(evidence, affordable(evidence, 8, 4)))
    model = deepcopy(evidence.fresh_model)
    ran: list[nn.Module] = []
    for module in _dropouts_that_matter(model):
        module.register_forward_hook(lambda module, *_: ran.append(module))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(evidence.seed)
        model.train()
        first, second = logits_of(model, batch), logits_of(model, batch)
    if not ran:
        msg = "no dropout above 0 runs beside weights that are trained"
        raise NotApplicable(msg)
    if not torch.equal(first, second):
        return []
    dropouts = {id(module): module.training for module in ran}
    return [
        finding(
            f"other logits in each forward pass in train mode: {len(dropouts)} dropout modules run",
            f"{show(first[0])} twice in row 0; {sum(dropouts.values())} of these modules are in train mode",
        )
    ]


def _dropouts_that_matter(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the dropout modules above 0 outside of frozen parts, which may be left in evaluation mode."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout) and module.p > 0:
            parent = name.rpartition(".")[0]
            while parent and not list(model.get_submodule(parent).parameters()):
                parent = parent.rpartition(".")[0]
            if any(parameter.requires_grad for parameter in model.get_submodule(parent).parameters()):
                yield module
