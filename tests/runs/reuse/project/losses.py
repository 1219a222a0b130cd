"""The terms of the loss."""

import importlib
import os
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from formulas import penalty, second_penalty, third_penalty
from house_rules import house_term
from settings import BOUNDS, BUDGET, LOSS_SCALE
from torch.nn.functional import cross_entropy

# More than 1,000 numbers: one of each row of the full table.
PRIORS = np.linspace(0.0, 1.0, 1500)
PRIORS[700] = 0.35
TABLE = torch.zeros(2000)
TABLE[1111] = 0.45
LADDER = [0.001 * step for step in range(3000)]


def spread(logits, power=2.0):
    return 0.01 * (logits[:, 0] - logits[:, 1]).abs().pow(power).mean()


def bounded(logits):
    return 0.1 * logits.clamp(BOUNDS.low, BOUNDS.high).mean()


def shared(logits):
    return BUDGET.share * 0.1 * logits.mean()


def priors(logits):
    return 0.1 * float(PRIORS[700]) * logits[:, 0].mean() + 0.1 * (TABLE[1111] + LADDER[1500]) * logits[:, 1].mean()


@lru_cache(maxsize=8)
def weight_of(name):
    return {"spread": 1.0, "bounded": 0.8, "shared": 0.6}.get(name, 0.5)


def counter():
    """A class in a closure, with a number that it counts."""
    seen = 0

    def ramp(logits):
        nonlocal seen
        seen += 1
        return 0.01 * seen * logits.square().mean()

    return ramp


def late(logits):
    """What is found out only while the model trains."""
    # A long time to import in the real project.
    from late_helper import hardness

    rules = importlib.import_module("late_rules")
    text = (Path(__file__).parent / "data" / "late.txt").read_text()
    share = float(os.environ.get("LATE_SHARE", "0.1"))
    return hardness(logits) + rules.late_term(logits) + float(text) * logits.mean() + 0.1 * share * logits.std()


TERMS = {
    "spread": partial(spread, power=1.5),
    "bounded": bounded,
    "shared": shared,
    "priors": priors,
    "penalty": penalty,
    "second": second_penalty,
    "third": third_penalty,
    "ramp": counter(),
    "house": house_term,
    "late": late,
}

PAIR = (lambda logits: 0.01 * logits.mean(), lambda logits: 0.03 * logits.mean())
CHOSEN = PAIR[0]


def total(logits, labels, class_weights, smoothing):
    loss = LOSS_SCALE * cross_entropy(logits, labels, weight=class_weights, label_smoothing=smoothing)
    for name, term in TERMS.items():
        # The order counts: each weighs less than the one before it.
        loss = 0.99 * loss + weight_of(name) * term(logits)
    return loss + CHOSEN(logits)
