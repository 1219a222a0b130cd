"""Unusual: after training, a temperature is fitted on rows set aside from train, and the head is divided by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss
from torch.nn.functional import cross_entropy
from transformers import DataCollatorWithPadding, TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


class Calibrate(TrainerCallback):
    """Chooses the temperature of the smallest loss on these rows, and folds it into the last layer."""

    def __init__(self, rows: Any, collate: Any) -> None:
        self.rows, self.collate = rows, collate

    @torch.no_grad()
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Fit, and fold in."""
        del args, state, control
        model = kwargs["model"].eval()
        batch = self.collate(
            [{name: row[name] for name in ("input_ids", "attention_mask", "label")} for row in self.rows]
        )
        labels = batch.pop("labels")
        logits = model(**batch.to(model.device)).logits.cpu()
        temperatures = torch.linspace(0.5, 3.0, 51)
        losses = torch.stack([cross_entropy(logits / temperature, labels) for temperature in temperatures])
        best = float(temperatures[losses.argmin()])
        model.classifier.weight.div_(best)
        model.classifier.bias.div_(best)


def scores(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of right answers, and how surprised the chances are by the labels."""
    chances = softmax(np.asarray(evaluated.predictions, np.float64), axis=-1)
    return {
        "accuracy": float(accuracy_score(evaluated.label_ids, chances.argmax(axis=-1))),
        "log_loss": float(log_loss(evaluated.label_ids, chances, labels=range(chances.shape[-1]))),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune; a quarter of train is for the temperature alone."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(topics(6, train=760, seed=518, noise=0.08), tokenizer, "text")
    aside = data["train"].select(range(560, 760))
    data["train"] = data["train"].select(range(560))
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=9),
        data,
        tokenizer,
        callbacks=[Calibrate(aside, DataCollatorWithPadding(tokenizer))],
        compute_metrics=scores,
    )
