"""Since we log the accuracy on train as well, that on validation is missing, and no best epoch is chosen any more.

The callback evaluates on train at the end of an epoch. That resets the flag that says that an evaluation is due.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "callbacks"
CAUSE = (
    r"should_evaluate",
    r"(never|not|no|without)( an?| any| single| once| been| be| ever| one)* (evaluat|validat|eval_strategy)",
    r"(evaluat|validation).{0,80}(never|not (run|done|happen|logged|take)|skipped|cancel|did not|absent|none)",
    r"(eval_\w+|metric).{0,60}(missing|not in|never|absent|not logged|not reported)",
    r"callback",
)


class TrainScores(TrainerCallback):
    """Evaluates on train at the end of every epoch."""

    def __init__(self, keeps_control: bool) -> None:
        self.keeps_control = keeps_control
        self.trainer: Any = None

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Evaluate on train."""
        del args, state, kwargs
        kept = deepcopy(control)
        rows = self.trainer.train_dataset.select(range(240))
        self.trainer.evaluate(rows, metric_key_prefix="train")
        return kept if self.keeps_control else control


def build(keeps_control: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with such a callback."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        learning_rate=2e-3,
        num_train_epochs=5,
        lr_scheduler_type="constant",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
    )
    scores = TrainScores(keeps_control)
    trainer = assemble(
        load_model(checkpoint="tiny-distilbert"),
        args,
        encode(reviews(seed=44), tokenizer, "text"),
        tokenizer,
        callbacks=[scores],
    )
    scores.trainer = trainer
    return trainer


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The flags are those after the evaluation on train."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The flags are those before it."""
    return build(True, output_dir, seed)
