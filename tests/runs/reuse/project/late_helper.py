"""Imported while the model trains."""

from late_base import BASE


def hardness(logits):
    return (BASE + 0.02) * logits.abs().mean()
