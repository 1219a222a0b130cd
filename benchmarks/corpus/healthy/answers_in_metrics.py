"""Unusual: some questions have no answer; compute_metrics knows windows and raw rows, and compares answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import DataCollatorWithPadding, Trainer, set_seed

from parts import arguments, load_tokenizer
from questions import answers_of, labelled, load_span_model, questions, squad_metrics

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune, and keep the best epoch by F1 of answered questions."""
    set_seed(seed)
    tokenizer, data = load_tokenizer(), questions("squad_v2", train=1600, validation=240, seed=15)
    answered = data["validation"].filter(lambda row: bool(row["answers"]["text"]))
    columns = data["train"].column_names
    keep = ["offset_mapping", "example_id"]
    train = data["train"].map(lambda batch: labelled(batch, tokenizer), batched=True, remove_columns=columns)
    valid = answered.map(lambda batch: labelled(batch, tokenizer, keep=keep), batched=True, remove_columns=columns)

    def scores(evaluated: EvalPrediction) -> dict[str, float]:
        return squad_metrics(answers_of(answered, valid, evaluated.predictions), answered)

    args = arguments(
        output_dir,
        seed,
        learning_rate=2e-3,
        num_train_epochs=4,
        per_device_train_batch_size=32,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="f1",
    )
    return Trainer(
        model=load_span_model(),
        args=args,
        train_dataset=train,
        eval_dataset=valid,
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=scores,
    )
