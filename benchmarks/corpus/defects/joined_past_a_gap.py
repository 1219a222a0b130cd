"""Accuracy dropped by twenty points after the export was cleaned, and half of the tickets look mislabelled to the team.

Texts and labels are two lists. An unreadable text was taken out of one of them, and from there on every text has the
label of the row before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets import Dataset, DatasetDict
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "data"
UNREADABLE = 350
CAUSE = (
    r"labels?.{0,60}(noise|noisy|wrong|shuffl|random|not fit|not match|permut|unrelated|other row|misalign|contradict)",
    r"(wrong|noisy|shuffled|random|misaligned|mislabel)\w*.{0,20}label",
    r"mislabel",
)


def build(both: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on two lists; `both` says whether the label of the unreadable text is taken out, too."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    rows = topics(5, train=640, seed=61)
    texts, labels = list(rows["train"]["text"]), list(rows["train"]["label"])
    del texts[UNREADABLE]
    if both:
        del labels[UNREADABLE]
    joined = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=False)]
    data = DatasetDict({"train": Dataset.from_list(joined), "validation": rows["validation"]})
    return assemble(
        load_model(TEAMS[:5]),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The label stays."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The label goes with its text."""
    return build(True, output_dir, seed)
