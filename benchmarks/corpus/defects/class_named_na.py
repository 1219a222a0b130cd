"""Tickets for North America all go to other regions, and the training file is full of them.

The regions are codes, and pandas takes NA in a CSV file for a value that is missing. Then rows without a region go.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pandas as pd
from datasets import Dataset, DatasetDict
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "pandas-dev/pandas#10647"
FAMILY = "data"
REGIONS = ("AF", "AP", "EU", "LA", "NA", "ME")
CAUSE = (
    r"(class|label)\w*.{0,80}(no (train\w* )?rows|missing|absent|not in|not occur|zero rows|0 rows|unseen|no example)",
    r"\b(no|zero|0|without)\b.{0,30}(rows?|examples?|samples?).{0,40}\b(of|for|with|in)\b.{0,30}(class|label)",
    r"(class|label)\w*.{0,60}never (seen|shown|occur|in train|trained|learn)",
    r"train\w*\b.{0,80}(lack|miss|no rows|does not (have|contain|hold)|never (has|holds|contains)).{0,60}(class|label)",
    r"(only|but) in (the )?(eval|validation|test)",
)


def build(default: bool, output_dir: str, seed: int) -> Trainer:
    """Read train from a CSV file, with pandas' own words for what is missing or with the empty field alone."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    rows = topics(6, train=720, seed=302)
    exported = rows["train"].to_pandas()
    exported["region"] = [REGIONS[label] for label in exported.pop("label")]
    file = StringIO(exported.to_csv(index=False))
    table = pd.read_csv(file, keep_default_na=default, na_values=[""]).dropna()
    table["label"] = [REGIONS.index(region) for region in table.pop("region")]
    data = DatasetDict(
        {
            "train": Dataset.from_pandas(table, preserve_index=False),
            "validation": rows["validation"],
        }
    )
    return assemble(
        load_model(REGIONS, "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """NA is missing."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """NA is a region."""
    return build(False, output_dir, seed)
