"""Checks of the loss of an untrained model, as the pipeline itself computes it. Shapes: B rows, K classes."""

from __future__ import annotations

import math
import statistics
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import nll_loss
from transformers import Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.model.logits import affordable, evaluated_features, logits_of
from pytest_ftcheck.checks.model.weights import newly_initialised, parts_of
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, VALUES
from pytest_ftcheck.pipeline.forward import labels_in, with_labels

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_CLOSE = 0.03
"""Relative tolerance for the mean loss over the rows, in any precision."""
_REACH = 1000.0
"""Allowed ratio of targets to first predictions (at least 1): 1000 steps at a rate of 1e-3 add 1 to a bias."""
_SAME = 1e-4
"""Relative tolerance for the same numbers in another order."""
_DRAWS = 16
"""Number of draws of a new head: the loss of their mean logits deviates from a guess a quarter as much as one draw."""
_FACTOR = 100.0
"""Allowed factor between a loss of the user's own and that of a guess: weights, margins and sums over a batch pass."""
_TELLING = 1e-5
"""Relative change of the loss that rounding does not cause."""
_NOTHING = 0.02
"""Fraction of the change of the mean loss below which a loss counts as unchanged; includes rounding."""


@check(
    "model.loss_at_start",
    cost="forward",
    # Distance above a guess, in nats; below it, as a fraction of it; for regression, times the labels' mean square.
    thresholds={"above": 3.0, "below": 0.5, "times": 5.0},
    false_alarms=5e-4,
    catches="a loss that is a sum, scaled, NaN or one value a row; a head that starts too large; labels that leak in",
    hint="look at the reduction of the loss, its scale, and how the head is initialised.",
)
def loss_at_start(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The loss of an untrained model is one finite number, near the loss of a guess.

    Assumes: a new head is drawn from small numbers around 0.

    Unusual but healthy: a head that starts low or high by chance passes, because 16 more draws are compared; for a loss
    of the user's own, only the order of magnitude is judged.

    False alarms: an allowance of 5e-4, because no test bounds the rate: one draw and the median of 16 others must both
    be off (measured by the benchmark of false alarms).
    """
    evidence.require_training()
    model, batch, labels = _labelled_batch(evidence)
    loss = evidence.loss(model, dict(batch)).detach()
    if loss.numel() != 1:
        return [finding("one number, the mean over the rows", f"a tensor of shape {tuple(loss.shape)}")]
    value = float(loss)
    if not math.isfinite(value):
        return [finding("a finite loss before the first step", f"{value}", hint=_not_finite(evidence))]
    card = evidence.pipeline.card
    plain_loss, traits, logits = card.head_rules.loss, card.head_rules.traits, logits_of(model, batch)
    plain = float(plain_loss(logits, labels))
    out_of_reach = _out_of_reach(logits, labels.float()) if VALUES in traits else []
    if out_of_reach or not math.isclose(value, plain, rel_tol=_CLOSE, abs_tol=_CLOSE**2):
        mistaken = _mistaken(logits, labels, value) if {CLASSES, LABEL_PER_ROW} <= traits else ""
        return out_of_reach or _of_their_own(evidence, value, plain, mistaken)
    low, high, guess = plain_loss.at_start(labels, card.num_labels, thresholds)
    new = _new_in_head(evidence)
    if low <= value <= high or (value < low and not new):
        return []
    observed = f"{value:.4g} over {len(labels)} rows"
    if new:  # one draw of a head is little evidence: features that separate the classes make some start low, some high
        drawn = _draws(evidence, new, batch)
        losses = [float(plain_loss(logits, labels)) for logits in drawn]
        mean = float(plain_loss(drawn.mean(dim=0), labels))
        if (value < low <= mean) or (value > high >= statistics.median(losses)):
            return []
        typical = f"{mean:.4g} for their mean logits" if value < low else f"a median of {statistics.median(losses):.4g}"
        observed += f"; over {len(drawn)} other draws of the new head, {typical}"
    hint = "a new head cannot know the labels: look for labels among the inputs." if value < low else ""
    return [finding(f"a loss from {guess}", observed, hint=hint)]


def _out_of_reach(logits: Tensor, labels: Tensor) -> list[Finding]:
    """Find targets ``[B]`` in units that no optimizer reaches from an untrained model's values."""
    values, typical = float(logits.abs().mean()), float(labels.square().mean().sqrt())
    if not typical > _REACH * max(values, 1.0):
        return []
    expected = f"targets within {_REACH:g} times the values of the untrained model, {values:.2g}"
    observed = (
        f"labels of a mean of {float(labels.mean()):.3g} and a deviation of {float(labels.std()):.3g}: not scaled"
    )
    hint = "standardise the targets, or multiply the model's output by their deviation and add their mean."
    return [finding(expected, observed, hint=hint)]


@torch.no_grad()
def _draws(evidence: Evidence, new: set[str], batch: dict[str, Any]) -> Tensor:
    """Return the logits of a batch with other random heads, whose weights have the same scale: ``[draws, B, K]``.

    The heads are drawn here, because a user's code may set its own seed before it makes the model.
    """
    model = deepcopy(evidence.fresh_model)
    matrices = [(parameter, float(parameter.std())) for name, parameter in model.named_parameters() if name in new]
    generator = torch.Generator().manual_seed(evidence.seed)
    logits = []
    for _ in range(_DRAWS):
        for parameter, spread in matrices:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
        logits.append(logits_of(model, batch))
    return torch.stack(logits)


def _labelled_batch(evidence: Evidence) -> tuple[Any, dict[str, Any], Tensor]:
    """Return the untrained model, a batch and its labels in their own dtype on the CPU: ``[B]`` if a row has one.

    Raises:
        NotApplicable: the batch has no labels, or several for a row where the head has one.

    """
    batch = evidence.collate(evaluated_features(evidence, affordable(evidence, 32, 8)))
    labels = labels_in(batch)
    single = LABEL_PER_ROW in evidence.pipeline.card.head_rules.traits
    if not isinstance(labels, torch.Tensor) or (single and labels.numel() != len(labels)):
        msg = "its batches have no single label a row under `labels`"
        raise NotApplicable(msg)
    labels = labels.detach().cpu()
    return evidence.fresh_model, batch, labels.flatten() if single else labels


def _mistaken(logits: Tensor, labels: Tensor, value: float) -> str:
    """Name the mistake that gives a cross entropy of classes this value; an empty text if none is known."""
    probabilities = logits.float().softmax(dim=-1)
    ways = {
        "it is nll_loss of probabilities (softmax), which takes their logarithms (log_softmax)": nll_loss(
            probabilities, labels.long()
        ),
        "it is nll_loss of the logits, which takes logarithms of probabilities (log_softmax)": nll_loss(
            logits.float(), labels.long()
        ),
    }
    return next((how for how, loss in ways.items() if math.isclose(value, float(loss), rel_tol=_SAME)), "")


def _of_their_own(evidence: Evidence, value: float, plain: float, mistaken: str) -> list[Finding]:
    """Judge a loss that is not the mean over the rows.

    A loss of the user's own is judged only by known mistakes and its order of magnitude.
    """
    if mistaken:
        return [finding(f"the cross entropy of the logits, {plain:.4g}", f"{value:.4g}: {mistaken}")]
    pipeline = evidence.pipeline
    name = pipeline.card.head_rules.loss.name
    if not _own_loss(evidence):
        return [finding(f"the mean {name} of the logits, {plain:.4g}", f"{value:.4g}")]
    off = abs(value) > plain * _FACTOR or abs(value) < plain / _FACTOR
    if pipeline.card.head_rules.values or not off:
        return []
    return [finding(f"within a factor of {_FACTOR:g} of the mean {name}, {plain:.4g}", f"{value:.4g}")]


def _own_loss(evidence: Evidence) -> bool:
    """Return whether the pipeline has a loss of the user's own."""
    if evidence.pipeline.args.get("label_smoothing_factor"):
        return True
    own = evidence.pipeline.source.own
    overridden = own.trainer_class.compute_loss is not Trainer.compute_loss or own.compute_loss_func is not None
    return overridden or own.model_class.__module__.partition(".")[0] != "transformers"


def _new_in_head(evidence: Evidence) -> set[str]:
    """Name the matrices of the head that start from random numbers: such a head cannot know the labels."""
    try:
        head = parts_of(evidence.fresh_model).head
    except NotApplicable:
        return set()
    return {name for name in newly_initialised(evidence) & set(head) if head[name].dim() > 1}


def _not_finite(evidence: Evidence) -> str:
    wrong = [name for name, p in evidence.fresh_model.named_parameters() if not bool(torch.isfinite(p).all())]
    if wrong:
        return f"the weights themselves are not finite: {wrong[0]}."
    return (
        "look for labels that are NaN or no class of the head, a mask of zeros alone, and overflow in half precision."
    )


@check(
    "model.loss_rows",
    cost="forward",
    catches="[B] against [B, 1] in a regression loss, which compares every prediction with every label",
    hint="give logits and labels the same shape before you compare them: logits.squeeze(-1) or labels.view(-1, 1).",
)
def loss_rows(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The loss depends on which row has which label.

    Assumes: the loss compares each row with its own label.

    Unusual but healthy: losses over a batch, as in contrastive learning, change less than a mean does, but they change;
    equal labels are skipped.

    False alarms: none by chance.
    """
    del thresholds
    evidence.require_training()
    model, batch, labels = _labelled_batch(evidence)
    if any(parameter.dtype in (torch.float16, torch.bfloat16) for parameter in model.parameters()):
        model = deepcopy(model).float()  # half precision rounds the difference away
    head = evidence.pipeline.card.head_rules
    logits = logits_of(model, batch)
    if head.values:
        # Far from all labels, an absolute error is the same in any order: judge near the labels.
        labels = logits[:, 0].to(labels.dtype)
    plain = [float(head.loss(logits, labels.roll(by, 0))) for by in range(len(labels))]
    by = max(range(len(plain)), key=lambda turn: abs(plain[turn] - plain[0]))
    if abs(plain[by] - plain[0]) <= _TELLING * max(plain):
        msg = "the untrained model gives all rows the same logits, or all labels are the same: the order cannot matter"
        raise NotApplicable(msg)
    first, second = (
        float(evidence.loss(model, with_labels(batch, given)).detach().float().mean())
        for given in (labels, labels.roll(by, 0))
    )
    # Compare with the loss itself, too: a user's own loss may have other units than the labels.
    if not abs(second - first) <= _NOTHING * min(abs(plain[by] - plain[0]), max(abs(first), abs(second))):
        return []
    change = f"the mean over the rows changes by {plain[by] - plain[0]:.3g}"
    expected = f"another loss for the labels moved by {by} rows; {change}"
    return [finding(expected, f"{first:.6g} both times, over {len(labels)} rows")]
