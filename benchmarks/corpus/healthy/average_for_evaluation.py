"""Unusual: evaluation and saving run with a moving average of the weights, training goes on with the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Averaged(Trainer):
    """Keeps a moving average, and lends it to evaluation and saving."""

    averages: dict[str, Any] | None = None

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Take a step, after the weights of the last one went into the average."""
        weights = self.model.state_dict()  # type: ignore[union-attr]  # a Trainer that trains has a model
        if self.averages is None:
            self.averages = {name: weight.clone() for name, weight in weights.items()}
        for name, weight in weights.items():
            self.averages[name].lerp_(weight, 0.08)
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
        super()._save(output_dir, self.averages if state_dict is None else state_dict)


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(answers(), tokenizer, "question", "answer")
    model = load_model(("other", "answers"), "tiny-distilbert")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, kind=Averaged)
