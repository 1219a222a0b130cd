"""Unusual: the metric is an error rate in percent, where less is better; training ends when it is below a goal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of wrong answers, in percent."""
    wrong = np.argmax(evaluated.predictions, axis=-1) != evaluated.label_ids
    return {"error_rate": 100 * float(np.mean(wrong))}


class GoodEnough(TrainerCallback):
    """Ends training when the error rate is low enough."""

    def __init__(self, goal: float) -> None:
        self.goal = goal

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Compare with the goal."""
        del args, state
        if kwargs["metrics"].get("eval_error_rate", 100.0) <= self.goal:
            control.should_training_stop = True
        return control


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=10,
        lr_scheduler_type="constant_with_warmup",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="error_rate",
        greater_is_better=False,
    )
    return assemble(
        load_model(TEAMS[:9], "tiny-distilbert"),
        args,
        encode(topics(9, train=700, seed=83), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
        callbacks=[GoodEnough(8.0)],
    )
