"""Base of our collators."""

import torch

MULTIPLE = 8


def longest(features):
    return max(len(feature["input_ids"]) for feature in features)


class Padder:
    """Pads to a multiple."""

    def length(self, features):
        return -(-longest(features) // MULTIPLE) * MULTIPLE

    def labels(self, features):
        return torch.tensor([int(feature["label"]) for feature in features])
