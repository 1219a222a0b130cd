"""One text at a time, the pipeline is right. In batches it is hardly better than a guess, and our evaluation is fine.

The tokenizer's setting is to pad on the left, from a project with a generator. Our batching code pads on the right and
never asks it; the pipeline does. BERT reads what stands at the first position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import set_seed

from parts import SIDES, arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "FreedomIntelligence/OVM#6"
FAMILY = "serving"
CAUSE = (
    r"padding_side",
    r"\bpad(s|ded|ding)?\b.{0,80}(left|right|side|front|beginning|first|other)",
    r"(left|right).{0,20}\bpad",
    r"(serv|pipeline|saved tokenizer|folder)\w*.{0,100}(pad|other inputs|batch|differ)",
)


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Pad each column with zeros on the right."""
    batch = {
        name: pad_sequence([torch.tensor(row[name]) for row in rows], batch_first=True)
        for name in ("input_ids", "token_type_ids", "attention_mask")
    }
    return {**batch, "labels": torch.tensor([row["label"] for row in rows])}


def longer(row: dict[str, Any]) -> dict[str, Any]:
    """Let a third of the texts end with a remark, so that lengths differ."""
    remark = " so much for that evening, as we sat in the garden of the hotel with anna and paul and the others."
    return {"text": row["text"] + (remark if len(row["text"]) % 3 == 0 else "")}


def build(side: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with a tokenizer that pads on this side when it is asked to."""
    set_seed(seed)
    tokenizer = load_tokenizer(padding_side=side)
    data = encode(reviews(train=560, seed=428).map(longer), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(load_model(SIDES), args, data, tokenizer, data_collator=collate)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Left."""
    return build("left", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Right, as our batching does."""
    return build("right", output_dir, seed)
