"""Since we initialize the new head ourselves, the first epoch starts from nothing.

The initialization is applied to the whole model after the checkpoint was loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "zshn25/DINOv2_mmseg#1"
FAMILY = "model"
CAUSE = (
    r"pre-?trained",
    r"from_config",
    r"random(ly)? (weight|initial|drawn)",
    r"(weight|encoder|embedding)s?.{0,60}(random|fresh|not loaded|not those)",
    r"checkpoint.{0,60}(not|never|differ|other|random|unlike)",
)


def initialize(module: nn.Module) -> None:
    """Draw a linear layer or an embedding anew."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)


def build(what: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; this part of the model is drawn anew."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model: Any = load_model(("other", "answers"))
    model.get_submodule(what).apply(initialize)
    data = encode(answers(), tokenizer, "question", "answer")
    return assemble(model, arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """All of it."""
    return build("", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The head."""
    return build("classifier", output_dir, seed)
