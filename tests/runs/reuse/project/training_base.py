"""The Trainer of the house."""

import torch
from transformers import Trainer


class Shuffled(torch.utils.data.Sampler):
    """Every epoch in an order of its own."""

    def __init__(self, rows, seed):
        self.rows = rows
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(torch.randperm(len(self.rows), generator=self.generator).tolist())


class HouseTrainer(Trainer):
    """Adds a small term to every loss."""

    house_share = 0.02

    def extra(self, logits):
        return self.house_share * torch.relu(logits - 0.1).mean()

    def _get_train_sampler(self, *args, **kwargs):
        return Shuffled(self.train_dataset, self.args.sampler_seed)
