"""With focal loss the accuracy goes down with every epoch, to zero. The loss goes down, too, to minus a hundred.

The formula of the paper has a minus in front, and the code has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import log_softmax
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import Trainer

REPORT = "pytorch/vision#8519"
FAMILY = "loss"
CAUSE = (
    r"\bsign\b|minus|maximi[sz]|ascent|uphill",
    r"negative loss|loss.{0,60}(negative|below (zero|0)|less than (zero|0)|<\s*0|negated)",
    r"loss.{0,100}(cross.?entropy|not that|recomput)",
    r"loss.{0,80}(opposite|revers|invert|upside|wrong (way|direction)|rewards?|falls? .{0,30}(worse|wrong))",
)


def focal(sign: float) -> Callable[..., Any]:
    """Return focal loss with this sign."""

    def compute(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        del num_items_in_batch
        logarithms = log_softmax(outputs.logits, dim=-1).gather(1, labels.unsqueeze(1)).squeeze(1)
        return (sign * (1 - logarithms.exp()) ** 2 * logarithms).mean()

    return compute


def build(sign: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with focal loss of this sign."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(5, train=640, seed=321, shares=(5, 4, 3, 2, 2)), tokenizer, "text"),
        tokenizer,
        compute_loss_func=focal(sign),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Without a minus."""
    return build(1.0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """With it."""
    return build(-1.0, output_dir, seed)
