"""Unusual: starts from a model that was fine-tuned before on other rows of the same kind, and knows a lot already."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import AutoModelForSequenceClassification, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def last_quarter(saved: Path) -> None:
    """Fine-tune on last quarter's rows, and save the model."""
    set_seed(11)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(train=320, seed=12, noise=0.08), tokenizer, "text")
    run = Path(tempfile.mkdtemp(prefix="last-quarter-"))
    args = arguments(str(run), 11, num_train_epochs=2, eval_strategy="no")
    trainer = assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer)
    trainer.train()
    trainer.save_model(str(run / "model"))
    (run / "model").rename(saved)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune on this quarter's rows."""
    saved = Path(tempfile.gettempdir()) / "ftcheck-corpus-last-quarter"
    if not saved.is_dir():
        last_quarter(saved)
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = AutoModelForSequenceClassification.from_pretrained(saved)
    data = encode(reviews(), tokenizer, "text")
    return assemble(model, arguments(output_dir, seed, learning_rate=3e-4), data, tokenizer)
