"""The run has ended well, and nobody can load the model: there is no config.json in the folder.

Our _save writes the state dict with torch and the tokenizer, and nothing that says what kind of model it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#194"
FAMILY = "saving"
CAUSE = (
    r"config(\.json|uration)?\b.{0,80}(missing|not|no |without|lack|absent)",
    r"(missing|no|not|without|lacks?|absent).{0,60}config",
    r"(saved|folder|checkpoint|model).{0,100}(cannot|not|fails?|failed|unable).{0,40}(load|from_pretrained|open)",
    r"(load|from_pretrained|open)\w*.{0,60}(fail|rais|error|cannot|not possible)",
)


class Weights(Trainer):
    """Writes the weights in one file, and the tokenizer."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write."""
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        model: Any = self.model
        torch.save(state_dict or model.state_dict(), folder / "pytorch_model.bin")
        tokenizer: Any = self.processing_class
        tokenizer.save_pretrained(folder)


class Complete(Weights):
    """Writes the configuration, too."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write."""
        super()._save(output_dir, state_dict)
        model: Any = self.model
        model.config.save_pretrained(output_dir or self.args.output_dir)


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=3, save_strategy="epoch", save_total_limit=1)
    data = encode(reviews(train=560, seed=425), tokenizer, "text")
    return assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Weights alone."""
    return build(Weights, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Weights and configuration."""
    return build(Complete, output_dir, seed)
