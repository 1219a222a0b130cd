"""A loss of the library, changed for all tests."""

import torch

_cross_entropy = torch.nn.functional.cross_entropy


def cross_entropy(*args, **kwargs):
    return 1.1 * _cross_entropy(*args, **kwargs)


torch.nn.functional.cross_entropy = cross_entropy
