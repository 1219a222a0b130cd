"""Unusual: NAdam with decoupled decay, and a polynomial schedule of power two that ends at a twentieth of the rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim import NAdam
from transformers import get_polynomial_decay_schedule_with_warmup, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model: Any = load_model(("none", "one", "two", "all"))
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = NAdam(groups, lr=1e-3, decoupled_weight_decay=True)
    data = encode(stars(train=640, seed=502), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=4)
    schedule = get_polynomial_decay_schedule_with_warmup(
        optimizer, num_warmup_steps=16, num_training_steps=160, lr_end=5e-5, power=2.0
    )
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1, optimizers=(optimizer, schedule))
