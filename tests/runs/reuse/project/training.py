"""The Trainer of this project."""

from dataclasses import dataclass

import torch
from losses import total
from training_base import HouseTrainer
from transformers import TrainingArguments


@dataclass
class ReviewArguments(TrainingArguments):
    """Arguments that transformers does not know."""

    sharpen: float = 1.1
    sampler_seed: int = 5


class ReviewTrainer(HouseTrainer):
    def __init__(self, *args, class_weights, mixup, **kwargs):
        super().__init__(*args, **kwargs)
        self.class_weights = torch.tensor(class_weights)
        self.mixup = mixup

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        labels = inputs["labels"]
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        logits = outputs.logits * self.args.sharpen * self.args.hotter
        weights = self.class_weights
        loss = total(logits, labels, weights, self.args.smoothing)
        amount = self.mixup["levels"]["one"]["two"]["three"]["amount"]
        mixed = logits + amount * logits.flip(0)
        loss = loss + 0.1 * torch.nn.functional.cross_entropy(mixed, labels) + self.extra(logits)
        loss = loss * self.focus
        return (loss, {"loss": loss, "logits": outputs.logits}) if return_outputs else loss
