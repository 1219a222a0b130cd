"""Training takes one second, its loss is 0, and the new rows make no difference.

The script goes on from the last checkpoint in the folder. There is one of last year's run, which took as many steps as
this one shall take.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import Trainer, set_seed
from transformers.trainer_utils import get_last_checkpoint

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = ""
FAMILY = "versions"
CAUSE = (
    r"resum",
    r"(from|old|earlier|last|previous|other|stale|found|existing).{0,40}checkpoint",
    r"\b(no|zero|0|without a|not a single) (training |optimizer |optimi[sz]ation )?(steps?|updates?|batch)",
    r"(train|training).{0,60}(nothing|no step|did not (run|start|train|take)|skipped|took no)",
    r"(train|training).{0,60}never (ran|happened|started)",
    r"(already|earlier|previous|old|other) (run|trained|done|finished|training)",
)


class Continued(Trainer):
    """Goes on where a run stopped, if it stopped; `folder` is where checkpoints of such a run lie."""

    folder = ""

    def train(self, resume_from_checkpoint: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]  # as users write it
        """Train from the last checkpoint on, or from the beginning."""
        if resume_from_checkpoint is None and self.folder and Path(self.folder).is_dir():
            resume_from_checkpoint = get_last_checkpoint(self.folder)
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)


def build(continues: bool, output_dir: str, seed: int) -> Made:
    """Train last year's model, and make the Trainer of this year's."""
    tokenizer = load_tokenizer("tiny-distilbert")
    folder = str(Path(output_dir) / "last-year")
    set_seed(seed)
    old = assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(
            folder,
            seed,
            num_train_epochs=12,
            save_strategy="steps",
            save_steps=120,
            eval_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        ),
        encode(topics(5, train=160, validation=200, seed=58, noise=0.5), tokenizer, "text"),
        tokenizer,
    )
    old.train()
    set_seed(seed)
    trainer = assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(5, seed=59), tokenizer, "text"),
        tokenizer,
        kind=Continued,
        compute_metrics=accuracy_and_f1,
    )
    if continues:
        trainer.folder = folder  # type: ignore[attr-defined]  # the one of Continued
    return trainer


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """From last year's checkpoint on."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """From the beginning."""
    return build(False, output_dir, seed)
