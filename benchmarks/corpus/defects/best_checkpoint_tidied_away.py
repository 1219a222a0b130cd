"""The Trainer shall load the best epoch at the end, and what we get is the last one.

A callback of ours keeps the disk clean and removes all checkpoints but the newest, the best one as well. The Trainer
says so in a warning, and goes on with what it has.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#15089"
FAMILY = "saving"
CAUSE = (
    r"\bbest\b.{0,120}(checkpoint|model|epoch|weights|step|not|missing|gone|load)",
    r"load_best_model_at_end",
    r"checkpoint.{0,80}(missing|gone|deleted|removed|not (there|exist|found)|no longer)",
    r"(last|final) epoch.{0,80}(not the best|instead|worse)",
)


class Tidy(TrainerCallback):
    """Removes older checkpoints; `spares` says whether it leaves the best one alone."""

    def __init__(self, spares: bool) -> None:
        self.spares = spares

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Clean up."""
        del control, kwargs
        kept = {f"checkpoint-{state.global_step}"}
        if self.spares and state.best_model_checkpoint:
            kept.add(Path(state.best_model_checkpoint).name)
        for folder in Path(args.output_dir).glob("checkpoint-*"):
            if folder.name not in kept:
                shutil.rmtree(folder)


def build(spares: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on few rows, for so long that the last epoch is not the best."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=10,
        lr_scheduler_type="constant",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
    )
    data = encode(reviews(train=200, seed=412), tokenizer, "text")
    return assemble(load_model(), args, data, tokenizer, callbacks=[Tidy(spares)])


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The newest stays."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The newest and the best stay."""
    return build(True, output_dir, seed)
