"""Unusual: AdamW with a lower learning rate for lower layers, and OneCycleLR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model: Any = load_model()
    parts = [model.bert.embeddings, *model.bert.encoder.layer, model.bert.pooler, model.classifier]
    rates = [5e-4, 7e-4, 1e-3, 1.5e-3, 2e-3]
    groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in zip(parts, rates, strict=True)]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=91)
    data = encode(reviews(), tokenizer, "text")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, optimizers=(optimizer, schedule))
