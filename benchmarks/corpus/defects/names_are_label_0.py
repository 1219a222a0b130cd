"""The API answers LABEL_0 and LABEL_1, and the front end guesses which is which.

The names of the classes stand in the data, and the model was only told how many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import ClassLabel
from transformers import AutoModelForSequenceClassification, set_seed

from parts import arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#13298"
FAMILY = "serving"
CAUSE = (r"label_0", r"id2label", r"label.?names?", r"names? of (the )?(class|label)")


def build(told: dict[str, Any], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model that was told this about the classes."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model = AutoModelForSequenceClassification.from_pretrained(bundled_checkpoint("tiny-bert"), **told)
    data = reviews().cast_column("label", ClassLabel(names=["negative", "positive"]))
    return assemble(model, arguments(output_dir, seed), encode(data, tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """How many there are."""
    return build({"num_labels": 2}, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """What they are called."""
    told = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}
    return build(told, output_dir, seed)
