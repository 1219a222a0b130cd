"""load_best_model_at_end loads the worst one. I lost a night to this.

With several evaluation sets the metric is called eval_main_rmse, and all that does not end in "loss" counts as better
when it is greater.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets import DatasetDict
from transformers import set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#31142"
FAMILY = "evaluation"
CAUSE = (r"greater_is_better", r"direction", r"(best|worst).{0,60}(checkpoint|epoch|model|worse|worst|lower|higher)")


def build(greater_is_better: bool | None, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and keep the epoch that is best on the main set."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = ratings().rename_column("score", "labels")
    hard = ratings(train=1, validation=160, seed=77, noise=0.2).rename_column("score", "labels")
    rows = encode(DatasetDict({**data, "hard": hard["validation"]}), tokenizer, "text")
    args = arguments(
        output_dir,
        seed,
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="eval_main_rmse",
        greater_is_better=greater_is_better,
    )
    return assemble(
        load_regressor("tiny-distilbert"),
        args,
        rows,
        tokenizer,
        eval_dataset={"main": rows["validation"], "hard": rows["hard"]},
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As transformers takes it."""
    return build(None, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A smaller error is better."""
    return build(False, output_dir, seed)
