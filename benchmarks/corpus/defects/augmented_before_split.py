"""With augmentation the validation score jumped by ten points; on new data nothing changed.

Copies of a text with the words of its list of things swapped were made first, and the table was split afterwards.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from datasets import Dataset, DatasetDict, concatenate_datasets
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "skanderhamdi/attention_cnn_lstm_covid_mel_spectrogram#2"
FAMILY = "data"
CAUSE = (r"near.?duplicate", r"(similar|almost|nearly|same|also|near).{0,60}train", r"leak", r"overlap", r"duplicate")


def augmented(rows: Any) -> Any:
    """Add a copy of every row that another person is said to have said."""
    chance = random.Random(5)

    def copy(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "text": " ".join([chance.choice(("nick", "vera", "emma", "leo")), *row["text"].split()[1:]])}

    return concatenate_datasets([rows, Dataset.from_list([copy(row) for row in rows])])


def build(first: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on augmented rows; `first` says whether the table is split or augmented first."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    table = reviews(train=500, validation=1)["train"]
    if first == "augment":
        cut = augmented(table).train_test_split(test_size=0.4, seed=9)
        data = DatasetDict({"train": cut["train"], "validation": cut["test"]})
    else:
        cut = table.train_test_split(test_size=0.4, seed=9)
        data = DatasetDict({"train": augmented(cut["train"]), "validation": cut["test"]})
    return assemble(load_model(), arguments(output_dir, seed), encode(data, tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Augment the table, then split it."""
    return build("augment", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Split the table, then augment train."""
    return build("split", output_dir, seed)
