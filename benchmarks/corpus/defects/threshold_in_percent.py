"""Early stopping ends every run after four epochs, although accuracy still rises by ten points an epoch.

The least progress that counts was meant as half a percent, and is written as 0.5. Accuracy goes from 0 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import EarlyStoppingCallback, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "databricks/automl#46"
FAMILY = "callbacks"
CAUSE = (
    r"early.?stop",
    r"threshold",
    r"(stopped|stops|ended|ends).{0,80}(early|too soon|premature|still (improv|ris|get)|of \d+ (epoch|step)|while)",
    r"(min.?delta|patience)",
    r"callback",
    r"(still|was) (improv|ris|gett).{0,80}(stop|end)",
)


def build(threshold: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune until there is less progress than this three times."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        learning_rate=5e-4,
        num_train_epochs=12,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        greater_is_better=True,
    )
    return assemble(
        load_model(TEAMS[:12], "tiny-distilbert"),
        args,
        encode(topics(12, train=480, validation=240), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=3, early_stopping_threshold=threshold)],
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Half of the scale."""
    return build(0.5, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Half a percent."""
    return build(0.005, output_dir, seed)
