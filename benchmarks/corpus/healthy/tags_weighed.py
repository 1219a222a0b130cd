"""Unusual: the tag O counts a third in the loss, a collator of the project pads, and the rows keep tags as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoModelForTokenClassification, Trainer, set_seed

from item_worlds import entities
from parts import arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

TAGS = ["O", "B-DAY", "B-LOC", "I-LOC", "B-PER", "I-PER", "I-DAY"]


class Weighed(Trainer):
    """Cross entropy of tokens with a weight for each tag."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # **_ takes num_items_in_batch, which Trainer names and this loss does not need
        """Weighed cross entropy."""
        labels = inputs["labels"]
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        weight = torch.tensor([1 / 3] + [1.0] * (len(TAGS) - 1), device=outputs.logits.device)
        loss = nn.CrossEntropyLoss(weight=weight)(outputs.logits.view(-1, len(TAGS)), labels.view(-1))
        return (loss, outputs) if return_outputs else loss


class PadTags:
    """Pads ids, mask and tags on the right to the longest row."""

    def __init__(self, pad: int) -> None:
        self.fill = {"input_ids": pad, "attention_mask": 0, "labels": -100}

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Tensors [B, T]."""
        size = max(len(row["input_ids"]) for row in rows)
        return {
            name: torch.tensor([[*row[name], *[fill] * (size - len(row[name]))] for row in rows])
            for name, fill in self.fill.items()
        }


def metrics(evaluated: Any) -> dict[str, float]:
    """Precision and recall of tokens in a span, counted by hand."""
    predicted, wanted = np.argmax(evaluated.predictions, axis=-1), evaluated.label_ids
    told = wanted != -100
    right = float(np.sum((predicted == wanted) & told & (wanted > 0)))
    precision = right / max(1, np.sum(told & (predicted > 0)))
    recall = right / max(1, np.sum(told & (wanted > 0)))
    f1 = 2 * right / max(1, np.sum(told & (predicted > 0)) + np.sum(told & (wanted > 0)))
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def encode(batch: Any) -> Any:
        """Tags of the first pieces."""
        encoded = tokenizer(batch["tokens"], is_split_into_words=True, return_token_type_ids=False)
        encoded["labels"] = [
            [
                TAGS.index(tags[word]) if word is not None and words[place - 1] != word else -100
                for place, word in enumerate(words)
            ]
            for tags, words in ((batch["tags"][row], encoded.word_ids(row)) for row in range(len(batch["tags"])))
        ]
        return encoded

    data = entities(seed=52).map(encode, batched=True, remove_columns=["tags"])
    model = AutoModelForTokenClassification.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label=dict(enumerate(TAGS)), label2id={t: n for n, t in enumerate(TAGS)}
    )
    return assemble(
        model,
        arguments(output_dir, seed, lr_scheduler_type="cosine"),
        data,
        tokenizer,
        kind=Weighed,
        data_collator=PadTags(tokenizer.pad_token_id),
        compute_metrics=metrics,
    )
