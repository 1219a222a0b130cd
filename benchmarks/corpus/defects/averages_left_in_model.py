"""The more often I evaluate, the slower it learns.

A callback puts the moving average of the weights into the model for each evaluation, and never takes it out again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "harubaru/waifu-diffusion#31"
FAMILY = "callbacks"
CAUSE = (
    r"evaluat\w+.{0,60}(chang|alter)\w*.{0,40}(weight|model|training)",
    r"weights?.{0,80}(changed|between|outside|without a step|not restored)",
    r"average",
    r"\bema\b",
)


class Averaged(Trainer):
    """Evaluates a moving average of the weights."""

    restores = True
    averages: dict[str, Any] | None = None

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Take a step, after the weights of the last one went into the average."""
        weights = self.model.state_dict()  # type: ignore[union-attr]  # a Trainer that trains has a model
        if self.averages is None:
            self.averages = {name: weight.clone() for name, weight in weights.items()}
        for name, weight in weights.items():
            self.averages[name].lerp_(weight, 0.03)
        return super().training_step(*args, **kwargs)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate the average."""
        model: Any = self.model
        kept = {name: weight.clone() for name, weight in model.state_dict().items()}
        if self.averages is not None:
            model.load_state_dict(self.averages)
        output = super().evaluation_loop(*args, **kwargs)
        if self.restores:
            model.load_state_dict(kept)
        return output

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the average."""
        super()._save(output_dir, self.averages if state_dict is None else state_dict)


class Left(Averaged):
    """The same, but the average stays in the model."""

    restores = False


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed, eval_strategy="steps", eval_steps=12),
        encode(topics(5, validation=200), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Training goes on with the average."""
    return build(Left, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Training goes on with the weights."""
    return build(Averaged, output_dir, seed)
