"""The log says that the best model was loaded. The folder has the one of the last epoch.

Our save_model writes a copy of the weights that is made at the end of every epoch, before the best one is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer, TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "broadinstitute/ml4h#364"
FAMILY = "saving"
CAUSE = (
    r"(saved|reload|loaded|folder|serv|written).{0,100}(differ|other|not the|unequal|disagree|worse|do not)",
    r"(differ|other|not those).{0,60}(saved|reload|loaded|folder)",
    r"\bbest\b",
)


class Keep(TrainerCallback):
    """Keeps a copy of the weights of every epoch's end."""

    weights: Any = None

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Copy the weights."""
        del args, state, control
        self.weights = {name: weight.clone() for name, weight in kwargs["model"].state_dict().items()}


class Archive(Trainer):
    """Saves the model."""

    kept: Keep | None = None

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model, or the copy where there is one."""
        if self.kept is None or self.kept.weights is None or _internal_call:
            super().save_model(output_dir, _internal_call)
        else:
            self._save(output_dir, self.kept.weights)


def build(copied: bool, output_dir: str, seed: int) -> Made:
    """Fine-tune for so long that the last epoch is not the best."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=7,
        lr_scheduler_type="constant",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
    )
    keep = Keep()
    data = encode(reviews(train=200), tokenizer, "text")
    trainer = assemble(load_model(), args, data, tokenizer, kind=Archive, callbacks=[keep])
    if copied:
        trainer.kept = keep  # type: ignore[attr-defined]  # declared by the class above
    return trainer


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The copy is saved."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """The model is saved."""
    return build(False, output_dir, seed)
