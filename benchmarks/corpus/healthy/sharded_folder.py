"""Unusual: the weights are saved in several small files with an index, and in half a dozen checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Sharded(Trainer):
    """Saves weights in files of three hundred kilobytes at most."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save all that is saved otherwise, but the weights in pieces."""
        super()._save(output_dir, state_dict)
        folder = Path(output_dir or str(self.args.output_dir))
        (folder / "model.safetensors").unlink()
        model: Any = self.model
        model.save_pretrained(folder, state_dict=state_dict, max_shard_size="300KB")


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=3,
        eval_strategy="steps",
        eval_steps=18,
        save_strategy="steps",
        save_steps=18,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
    )
    data = encode(reviews(train=576, seed=505), tokenizer, "text")
    return assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer, kind=Sharded)
