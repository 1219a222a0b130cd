"""Optimizer and rates."""

import torch
from settings import schedule_settings, train_settings


def make_optimizer(model):
    given = train_settings()
    head = [p for name, p in model.named_parameters() if not name.startswith("bert") and p.requires_grad]
    body = [p for name, p in model.named_parameters() if name.startswith("bert") and p.requires_grad]
    groups = [
        {"params": head, "lr": given["head_rate"]},
        {"params": body, "lr": given["rate"], "weight_decay": 0.01},
    ]
    return torch.optim.SGD(groups, lr=given["rate"], momentum=given["momentum"], nesterov=True)


def make_schedule(optimizer):
    given = schedule_settings()

    def head(step):
        return max(given["floor"], given["decay"] ** step)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, [head, lambda step: 1 / (1 + 0.3 * step)])
