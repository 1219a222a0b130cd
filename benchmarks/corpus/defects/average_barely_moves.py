"""We save the moving average of the weights, as the paper does, and it knows nothing. The weights themselves are good.

The average keeps 0.9999 of itself at each step, which is right for half a million steps. This run has 150.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/pytorch-image-models#1182"
FAMILY = "callbacks"
CAUSE = (
    r"averag|\bema\b|smooth",
    r"callback",
    r"(weights?|parameters?|model).{0,100}(initial|start|untrained|before training|barely|hardly|other than|differ)",
    r"(end|after) (of )?training.{0,100}(chang|replac|overwr|differ|worse)",
    r"(last|final).{0,40}(evaluation|epoch).{0,80}(differ|worse|not the same|than)",
)


class Average(TrainerCallback):
    """Moving average of the weights, which the model gets when training ends."""

    def __init__(self, keep: float) -> None:
        self.keep = keep
        self.weights: dict[str, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start from the weights of the model."""
        del args, state, control
        self.weights = {name: weight.detach().clone() for name, weight in kwargs["model"].state_dict().items()}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take a step's weights in."""
        del args, state, control
        for name, weight in kwargs["model"].state_dict().items():
            self.weights[name].lerp_(weight, 1 - self.keep)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put the average into the model."""
        del args, state, control
        kwargs["model"].load_state_dict(self.weights)


def build(keep: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and keep so much of the average at each step."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(output_dir, seed, num_train_epochs=4)
    data = encode(topics(5, seed=410), tokenizer, "text")
    parts: dict[str, Any] = {"callbacks": [Average(keep)], "compute_metrics": accuracy_and_f1}
    return assemble(load_model(TEAMS[:5]), args, data, tokenizer, **parts)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Ten thousand steps' memory."""
    return build(0.9999, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Ten steps' memory."""
    return build(0.9, output_dir, seed)
