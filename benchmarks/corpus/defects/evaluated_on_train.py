"""Every metric is close to perfect, whatever I change.

The split was commented out while a plot was being debugged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "JJGO/shrinkbench#7"
FAMILY = "data"
CAUSE = (r"(also|again|same|identical).{0,60}train", r"leak", r"overlap", r"evaluat\w+ on (the )?train")


def build(evaluated: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and evaluate rows of that split."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data: Any = encode(topics(6), tokenizer, "text")
    judged = data[evaluated].select(range(240))
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        tokenizer,
        eval_dataset=judged,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Evaluate on rows of train."""
    return build("train", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Evaluate on the validation rows."""
    return build("validation", output_dir, seed)
