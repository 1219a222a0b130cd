"""Ten times the epochs, and the weights are nearly where they were. A higher learning rate does not help much.

The epsilon of Adam is the 1.0 that a tutorial recommends for another network. It is far above any gradient here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "tensorflow/models#779"
FAMILY = "optimizer"
CAUSE = (
    r"epsilon|\beps\b",
    r"(weights?|parameters?).{0,60}(hardly|barely|scarcely|almost not|not|too little|tiny).{0,30}(mov|chang|updat)",
    r"(updates?|steps?).{0,60}(tiny|too small|far smaller|vanish|close to zero)",
)


def build(epsilon: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with this epsilon."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=4, adam_epsilon=epsilon)
    model = load_model(("none", "one", "two", "all"), "tiny-distilbert")
    data = encode(stars(train=560, seed=402), tokenizer, "text")
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One."""
    return build(1.0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The default."""
    return build(1e-8, output_dir, seed)
