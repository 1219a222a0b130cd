"""The accuracy changes a little with the batch size of evaluation.

dataloader_drop_last was set for training on several devices; evaluation drops its last batch, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "thuml/Autoformer#104"
FAMILY = "evaluation"
CAUSE = (
    r"drop_last",
    r"last batch",
    r"(row|prediction)s?.{0,100}(miss|lost|fewer|lack|drop|not as many|never|\d+ of|not evaluated)",
    r"(miss|lost|fewer|drop|not as many).{0,60}(row|prediction)",
)


def build(drop_last: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; loaders drop a last batch that is not full, or do not."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed, dataloader_drop_last=drop_last, per_device_eval_batch_size=100),
        encode(topics(5, train=608, validation=290), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """90 of 290 rows are not evaluated."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """All are."""
    return build(False, output_dir, seed)
