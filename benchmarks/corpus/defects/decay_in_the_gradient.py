"""With the same numbers as in the paper, weights shrink to nothing and all answers are alike.

The paper's weight decay is AdamW's. Adam adds it to the gradient and then divides by the gradient's size: where the
gradient is small, decay is all that is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim import Adam, AdamW
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "anhquan0412/basic_model_scratch#2"
FAMILY = "optimizer"
CAUSE = (
    r"weight.?decay|decay of (the )?weights",
    r"\bl2\b|regulari[sz]",
    r"decoupl|coupled",
    r"adam\b.{0,80}adamw|adamw",
    r"weights?.{0,60}(shrink|shrunk|smaller|norm|towards zero)",
)


def build(kind: Any, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with this optimizer."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model: Any = load_model(TEAMS[:5], "tiny-distilbert")
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(
        model,
        args,
        encode(topics(5, seed=404), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
        optimizers=(kind(groups, lr=1e-3), None),
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Adam."""
    return build(Adam, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """AdamW."""
    return build(AdamW, output_dir, seed)
