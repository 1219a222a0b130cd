"""What all projects of the house share: it lies beside the projects."""


def house_term(logits):
    return 0.015 * logits.square().mean()
