"""Training does nothing: the loss stays where a coin would be.

The labels live in a second table; the texts were shuffled, and the two were put side by side by index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from datasets import Dataset, DatasetDict
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "alanarazi7/TabSTAR#25"
FAMILY = "data"
CAUSE = (
    r"labels?.{0,60}(noise|noisy|wrong|shuffl|random|not fit|not match|permut|unrelated|other row|misalign)",
    r"(wrong|shuffled|random|misaligned)\w*.{0,20}label",
)


def build(drop: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on texts that were shuffled; `drop` says whether they forget which rows they were."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    rows = topics(6)
    table = rows["train"].to_pandas()
    texts = table[["text"]].sample(frac=1.0, random_state=4)
    if drop:
        texts = texts.reset_index(drop=True)
    joined = pd.concat([texts, table[["label"]]], axis=1)
    data = DatasetDict({"train": Dataset.from_pandas(joined, preserve_index=False), "validation": rows["validation"]})
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The shuffled texts are numbered anew before they are joined."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The shuffled texts are joined by the rows that they were."""
    return build(False, output_dir, seed)
