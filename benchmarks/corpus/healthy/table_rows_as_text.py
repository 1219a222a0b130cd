"""Unusual: rows of a table, written as text field by field; a field may be empty, and fields come in any order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from datasets import Dataset, DatasetDict
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import COLOURS, DAYS, NUMBERS, PLACES

if TYPE_CHECKING:
    from transformers import Trainer

FIELDS = {"day": DAYS, "number": NUMBERS, "colour": COLOURS, "place": PLACES}
RISKS = ("low", "middle", "high")


def table(train: int, validation: int, seed: int) -> DatasetDict:
    """`text` with the fields of a row, `label` the risk: each value has points, and their sum decides."""
    chance = random.Random(seed)
    points = {name: {value: chance.choice((-1, 0, 1)) for value in values} for name, values in FIELDS.items()}
    rows: dict[frozenset[tuple[str, str]], tuple[str, int]] = {}
    while len(rows) < train + validation:
        told = {name: chance.choice(values) for name, values in FIELDS.items() if chance.random() < 0.9}
        total = sum(points[name][value] for name, value in told.items())
        fields = [f"{name} = {value}" for name, value in told.items()]
        chance.shuffle(fields)
        label = 0 if total < 0 else 1 if total == 0 else 2
        label = chance.randrange(3) if chance.random() < 0.02 else label
        rows.setdefault(frozenset(told.items()), (" ; ".join(fields) or "nothing", label))
    kept = [{"text": text, "label": label} for text, label in rows.values()]
    return DatasetDict({"train": Dataset.from_list(kept[:train]), "validation": Dataset.from_list(kept[train:])})


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(RISKS),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(table(900, 300, 215), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
