"""Callbacks that change the training."""

import os

import torch
from transformers import TrainerCallback


class Freeze(TrainerCallback):
    """Freezes the pooler after some steps."""

    def __init__(self, after):
        self.after = after

    def on_step_begin(self, args, state, control, model=None, **kwargs):
        for parameter in model.bert.pooler.parameters():
            parameter.requires_grad = state.global_step < self.after


class Noise(TrainerCallback):
    """Adds a little noise to the head, from generators of its own."""

    def __init__(self, seed, amount=0.01):
        self.generator = torch.Generator().manual_seed(seed)
        self.amount = amount

    def on_step_end(self, args, state, control, model=None, **kwargs):
        amount = self.amount * float(os.environ.get("NOISE_SCALE", "1"))
        with torch.no_grad():
            head = model.classifier.weight
            head.add_(amount * torch.randn(head.shape, generator=self.generator))


class Shrink(TrainerCallback):
    """Makes the head smaller when the training begins and ends."""

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        with torch.no_grad():
            model.classifier.weight.mul_(0.95)

    def on_train_end(self, args, state, control, model=None, **kwargs):
        with torch.no_grad():
            model.classifier.bias.add_(0.002)


class Tilt(TrainerCallback):
    """Adds to the head: the order of this and Shrink counts."""

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        with torch.no_grad():
            model.classifier.weight.add_(0.01)
