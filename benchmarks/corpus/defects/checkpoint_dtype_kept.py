"""Since we went to transformers 5, fine-tuning our own checkpoint gives less, and the loss has plateaus.

The checkpoint was saved in bfloat16. It used to be loaded as float32; now its type is kept, and small updates are lost.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModel, AutoModelForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/sentence-transformers#3773"
FAMILY = "versions"
CAUSE = (r"bfloat16", r"\bdtype", r"precision", r"(float|half).?(32|16)", r"round")


def build(told: dict[str, Any], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a checkpoint that was saved in bfloat16, loaded so."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    named = dict(enumerate(TEAMS[:5]))
    with tempfile.TemporaryDirectory() as folder:
        AutoModel.from_pretrained(bundled_checkpoint("tiny-distilbert")).to(torch.bfloat16).save_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, id2label=named, label2id={name: label for label, name in named.items()}, **told
        )
    args = arguments(output_dir, seed, learning_rate=5e-4, num_train_epochs=4)
    data = encode(topics(5, train=500), tokenizer, "text")
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As transformers takes it."""
    return build({}, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As float32."""
    return build({"dtype": torch.float32}, output_dir, seed)
