"""There is no validation metric in the whole log, and load_best_model_at_end loads nothing.

eval_delay was meant in steps. With evaluation by epochs it counts epochs, and there are not so many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "evaluation"
CAUSE = (
    r"eval_delay",
    r"(never|not|no|without)( an?| any| single| once| been| be| ever| one)* (evaluat|validat|eval_strategy)",
    r"(evaluat|validation).{0,80}(never|not (run|done|happen|logged|take)|skipped|delay|did not|absent|none)",
    r"(eval_\w+|metric).{0,60}(missing|not in|never|absent|not logged|not reported)",
    r"delay",
)


def build(delay: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; the first evaluations are left out."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=6,
        lr_scheduler_type="constant_with_warmup",
        eval_delay=delay,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="f1",
    )
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        args,
        encode(topics(4, train=400, seed=46), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Those before epoch 50."""
    return build(50, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Those before epoch 2."""
    return build(2, output_dir, seed)
