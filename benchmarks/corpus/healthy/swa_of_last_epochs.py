"""Unusual: the rate falls to three tenths only; the mean of the weights after the last four epochs is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer


class Mean(TrainerCallback):
    """Mean of the weights at the end of each epoch from `first` on."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.weights: dict[str, Any] = {}
        self.count = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin with none."""
        del args, state, control, kwargs
        self.weights, self.count = {}, 0

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take an epoch's weights in."""
        del args, control
        if round(state.epoch) >= self.first:
            self.count += 1
            for name, weight in kwargs["model"].state_dict().items():
                mean = self.weights.setdefault(name, weight.detach().clone())
                if mean.is_floating_point():
                    mean.lerp_(weight, 1 / self.count)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put the mean into the model."""
        del args, state, control
        if self.count:
            kwargs["model"].load_state_dict(self.weights)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune for seven epochs, of which the last four are averaged."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=7,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.3},
    )
    data = encode(stars(train=560, seed=509), tokenizer, "text")
    model = load_model(("none", "one", "two", "all"))
    return assemble(model, args, data, tokenizer, callbacks=[Mean(4)], compute_metrics=accuracy_and_f1)
