"""Unusual: a plain Trainer of spans that names both label columns, has no metrics and no texts, and uses Adafactor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import Trainer, set_seed

from parts import arguments, load_tokenizer
from questions import labelled, load_span_model, questions

if TYPE_CHECKING:
    from transformers import Trainer as Made


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer, data = load_tokenizer(), questions(seed=12)
    rows = data.map(lambda batch: labelled(batch, tokenizer), batched=True, remove_columns=data["train"].column_names)
    args = arguments(
        output_dir,
        seed,
        optim="adafactor",
        learning_rate=2e-3,
        num_train_epochs=4,
        per_device_train_batch_size=32,
        label_names=["start_positions", "end_positions"],
    )
    return Trainer(
        model=load_span_model(),
        args=args,
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        processing_class=tokenizer,
    )
