"""Small layers of the model."""

import torch
from torch import nn


class ScaledGradient(torch.autograd.Function):
    """Passes its input on, and a smaller gradient back."""

    @staticmethod
    def forward(ctx, input):
        return input.view_as(input)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 0.8


class Power:
    def __init__(self, amount):
        self.amount = amount

    def __call__(self, logits):
        return logits + self.amount * 0.01 * logits.pow(3)


class Wrap:
    """Holds what does the work, one level deeper."""

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, logits):
        return self.inner(logits)


def deep(amount, levels=7):
    made = Power(amount)
    for _ in range(levels):
        made = Wrap(made)
    return made


def softsign(logits):
    return nn.functional.softsign(logits)


ACTIVATIONS = {
    "softsign": softsign,
    "tanhshrink": nn.functional.tanhshrink,
    "relu": lambda logits: nn.functional.relu(logits) * 0.5,
}


def make_shift(amount):
    """A class that keeps the amount in its closure."""

    class Shift(nn.Module):
        def forward(self, logits):
            return logits + amount * logits.roll(1, dims=-1)

    return Shift


class Symmetric(nn.Module):
    """Parametrization of a weight."""

    def forward(self, weight):
        return weight * 0.98


class Registered:
    """Every subclass is kept, and takes part."""

    kinds = []
    weight = 1.0

    def __init_subclass__(cls, weight=1.0, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.weight = weight
        Registered.kinds.append(cls)


class Mild(Registered, weight=0.02):
    def term(self, logits):
        return self.weight * logits.abs()


class Strong(Registered, weight=0.03):
    def term(self, logits):
        return self.weight * logits.square()
