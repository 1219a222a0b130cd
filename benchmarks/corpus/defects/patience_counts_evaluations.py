"""Of six epochs, not even one is run. The patience is two, and we have never seen accuracy stand still for two epochs.

Patience counts evaluations, and there is one every four steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import EarlyStoppingCallback, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "facebookresearch/fairseq#2080"
FAMILY = "callbacks"
CAUSE = (
    r"patience",
    r"early.?stop|stop\w* (too )?early",
    r"\bstopp?(s|ed|ing)?\b.{0,100}(epoch|step|evaluation)",
    r"(epochs?|steps?).{0,60}(of \d|instead of|not run|fewer|missing|before the end|were planned|set)",
)


def build(patience: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune for six epochs at most."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=6,
        learning_rate=4e-4,
        eval_strategy="steps",
        eval_steps=4,
        save_strategy="steps",
        save_steps=4,
        save_total_limit=1,
        save_only_model=True,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
    )
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        args,
        encode(topics(6, train=640, validation=240, seed=411), tokenizer, "text"),
        tokenizer,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=patience)],
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Two evaluations."""
    return build(2, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Two epochs, which have ten evaluations each."""
    return build(20, output_dir, seed)
