"""Unusual: a run is given thirty epochs and a budget of tokens; a callback ends it when the budget is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


class Budget(TrainerCallback):
    """Ends a run after so many tokens, with an evaluation."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look what was spent."""
        del args, kwargs
        if state.num_input_tokens_seen >= self.tokens:
            control.should_evaluate = True
            control.should_training_stop = True


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune at a rate that does not fall, since nobody knows when it ends."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=30,
        learning_rate=6e-4,
        warmup_steps=20,
        lr_scheduler_type="constant_with_warmup",
        include_num_input_tokens_seen="all",
    )
    data = encode(reviews(train=640, seed=515), tokenizer, "text")
    return assemble(load_model(), args, data, tokenizer, callbacks=[Budget(75_000)])
