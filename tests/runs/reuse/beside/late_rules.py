"""Imported while the model trains."""


def late_term(logits):
    return 0.025 * logits.square().mean()
