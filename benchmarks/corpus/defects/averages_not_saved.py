"""The released model is worse than what the last evaluation of its own run said.

Evaluation runs with the moving average of the weights; the folder gets the weights of the last step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "wandb/senpai#709"
FAMILY = "callbacks"
CAUSE = (
    r"(saved|reload|loaded|folder|serv|written).{0,100}(differ|other|not the|unequal|disagree|worse|do not)",
    r"(differ|other|not those).{0,60}(saved|reload|loaded|folder)",
    r"average",
    r"\bema\b",
)


class Averaged(Trainer):
    """Keeps a moving average of the weights, and evaluates and saves with it."""

    saves_averages = True
    averages: dict[str, Any] | None = None

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Take a step, after the weights of the last one went into the average."""
        weights = self.model.state_dict()  # type: ignore[union-attr]  # a Trainer that trains has a model
        if self.averages is None:
            self.averages = {name: weight.clone() for name, weight in weights.items()}
        for name, weight in weights.items():
            self.averages[name].lerp_(weight, 0.02)
        return super().training_step(*args, **kwargs)

    def exchange(self) -> None:
        """Let model and average change places."""
        if self.averages is not None:
            weights = {name: weight.clone() for name, weight in self.model.state_dict().items()}  # type: ignore[union-attr]  # a Trainer that trains has a model
            self.model.load_state_dict(self.averages)  # type: ignore[union-attr]  # a Trainer that trains has a model
            self.averages = weights

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate the average."""
        self.exchange()
        try:
            return super().evaluation_loop(*args, **kwargs)
        finally:
            self.exchange()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the average."""
        if self.saves_averages and state_dict is None:
            state_dict = self.averages
        super()._save(output_dir, state_dict)


class Raw(Averaged):
    """The same, but it saves the model as it is."""

    saves_averages = False


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(), tokenizer, "text")
    model = load_model(checkpoint="tiny-distilbert")
    return assemble(model, arguments(output_dir, seed, lr_scheduler_type="constant"), data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Saves the last step."""
    return build(Raw, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Saves the average."""
    return build(Averaged, output_dir, seed)
