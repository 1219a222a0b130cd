"""Data: CSV files, cleaned and tokenized while they are read."""

import csv
import re
from pathlib import Path

from datasets import Dataset
from settings import project_settings
from tokenizers.normalizers import Lowercase, Replace, Sequence
from transformers import AutoTokenizer

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

DATA = Path(__file__).parent / "data"
# Long: the end of a pattern counts as much as its beginning.
NOISE = re.compile(
    r"\b(?:absolutely|basically|certainly|definitely|essentially|fundamentally|generally|hopefully|importantly|"
    r"justifiably|knowingly|literally|materially|naturally|obviously|practically|quintessentially|realistically|"
    r"seriously|typically|undoubtedly|virtually|wonderfully|exceedingly|youthfully|zealously|really|quite)\b"
)


def make_tokenizer():
    tokenizer = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert"))
    tokenizer.backend_tokenizer.normalizer = Sequence([Lowercase(), Replace("!", " so")])
    return tokenizer


def read(name):
    with open(DATA / name, newline="") as file:
        rows = list(csv.DictReader(file))
    return Dataset.from_dict({"text": [row["text"] for row in rows], "label": [int(row["label"]) for row in rows]})


def make_transform(tokenizer, train):
    length = project_settings()["max_length"]

    def transform(batch):
        texts = [NOISE.sub("", text) for text in batch["text"]]
        encoded = tokenizer(texts, truncation=True, max_length=length)
        return {**encoded, "label": batch["label"], "train": [train] * len(texts)}

    return transform


def make_rows(tokenizer):
    train = read("train.csv").shuffle(seed=project_settings()["shuffle_seed"])
    evaluation = read("validation.csv").select(range(8))
    train.set_transform(make_transform(tokenizer, True))
    return train, evaluation.with_transform(make_transform(tokenizer, False))
