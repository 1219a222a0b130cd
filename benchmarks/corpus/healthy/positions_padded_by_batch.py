"""Unusual: windows of any length, which a collator of one's own pads to the longest of a batch; keeps all columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import Trainer, set_seed

from parts import arguments, load_tokenizer
from questions import labelled, load_span_model, questions

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made

INPUTS, ENDS = ("input_ids", "attention_mask"), ("start_positions", "end_positions")


def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Pad with zeros, the id of [PAD] among them."""
    batch = {
        name: torch.nn.utils.rnn.pad_sequence([torch.tensor(row[name]) for row in rows], batch_first=True)
        for name in INPUTS
    }
    return {**batch, **{name: torch.tensor([row[name] for row in rows]) for name in ENDS}}


def both_right(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of windows whose first and last token are right."""
    pairs = zip(evaluated.predictions, evaluated.label_ids, strict=True)
    return {"both_right": float(np.all([np.argmax(logits, -1) == right for logits, right in pairs], axis=0).mean())}


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune a DistilBERT."""
    set_seed(seed)
    tokenizer, data = load_tokenizer("tiny-distilbert"), questions(seed=13)
    rows = data.map(
        lambda batch: labelled(batch, tokenizer, keep=["offset_mapping", "example_id"], padding=False),
        batched=True,
        remove_columns=data["train"].column_names,
    )
    args = arguments(
        output_dir,
        seed,
        learning_rate=1e-3,
        num_train_epochs=4,
        per_device_train_batch_size=32,
        remove_unused_columns=False,
    )
    return Trainer(
        model=load_span_model("tiny-distilbert"),
        args=args,
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        processing_class=tokenizer,
        data_collator=collate,
        compute_metrics=both_right,
    )
