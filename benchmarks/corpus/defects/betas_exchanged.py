"""The loss hardly moves for an epoch, and training ends far behind. The optimizer is the AdamW that everybody uses.

The two betas were written in the wrong order: the mean of the gradients remembers a thousand steps, their spread ten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "optimizer"
CAUSE = (
    r"\bbetas?\b|beta_?[12]",
    r"0\.999",
    r"momentum|moment estimate|moving average of (the )?gradient",
    r"adam.{0,80}(exchang|swap|revers|order|setting|parameter)",
)


def build(betas: tuple[float, float], output_dir: str, seed: int) -> Trainer:
    """Fine-tune with these betas."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(output_dir, seed, num_train_epochs=5, adam_beta1=betas[0], adam_beta2=betas[1])
    data = encode(topics(8, train=640, seed=401), tokenizer, "text")
    return assemble(load_model(TEAMS[:8]), args, data, tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The second one first."""
    return build((0.999, 0.9), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The first one first."""
    return build((0.9, 0.999), output_dir, seed)
