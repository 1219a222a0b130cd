"""Unusual: BIOES tags, also on the later pieces of a word; rows hold ids alone; F1 of tokens, by scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import f1_score
from transformers import (
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    get_linear_schedule_with_warmup,
    set_seed,
)

from item_worlds import entities
from parts import arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import Trainer

TAGS = ["O", *(f"{place}-{kind}" for kind in ("DAY", "LOC", "PER") for place in "BIES")]
IDS = {tag: number for number, tag in enumerate(TAGS)}
LATER = {"B": "I", "S": "E", "E": "E", "I": "I"}


def pieces(tag: str, count: int) -> list[int]:
    """Tags of the pieces of one word."""
    if tag == "O" or count == 1:
        return [IDS[tag]] * count
    place, kind = tag.split("-")
    first = "B" if place in "BS" else "I"
    last = LATER[place]
    return [IDS[f"{first}-{kind}"], *[IDS[f"I-{kind}"]] * (count - 2), IDS[f"{last}-{kind}"]]


def metrics(evaluated: Any) -> dict[str, float]:
    """F1 of tokens that are in a span, averaged over the tags."""
    predicted, wanted = np.argmax(evaluated.predictions, axis=-1), evaluated.label_ids
    kept = wanted != -100
    inside = [number for number, tag in enumerate(TAGS) if tag != "O" and np.any(wanted[kept] == number)]
    return {
        "f1_macro": float(f1_score(wanted[kept], predicted[kept], labels=inside, average="macro", zero_division=0)),
        "token_accuracy": float(np.mean(wanted[kept] == predicted[kept])),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def encode(row: Any) -> dict[str, list[int]]:
        """One row, word by word."""
        ids, labels = [tokenizer.cls_token_id], [-100]
        for word, tag in zip(row["tokens"], row["tags"], strict=True):
            known = tokenizer.encode(word, add_special_tokens=False)
            ids += known
            labels += pieces(tag, len(known))
        ids, labels = [*ids, tokenizer.sep_token_id], [*labels, -100]
        return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}

    data = entities(scheme="BIOES", seed=51).map(encode, remove_columns=["tokens", "tags"])
    model = AutoModelForTokenClassification.from_pretrained(
        bundled_checkpoint("tiny-distilbert"), id2label=dict(enumerate(TAGS)), label2id=IDS
    )
    args = arguments(output_dir, seed, num_train_epochs=4)
    plain = [value for name, value in model.named_parameters() if "norm" in name.lower() or name.endswith("bias")]
    others = [value for value in model.parameters() if not any(value is one for one in plain)]
    optimizer = torch.optim.AdamW(
        [{"params": others, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=1e-3
    )
    schedule = get_linear_schedule_with_warmup(optimizer, 12, 120)
    return assemble(
        model,
        args,
        data,
        tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=metrics,
        optimizers=(optimizer, schedule),
    )
