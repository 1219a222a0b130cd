"""The loss of a step is that of one row, and evaluation counts one row of each batch, many times.

To save memory, the dataset fills one and the same dictionary with every row. When a batch is put together, all of its
rows are the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "fastestimator/fastestimator#644"
FAMILY = "batches"
CAUSE = (
    r"(same|identical|equal|one|single|repeated) (row|dict|object|sample|example|item|text)",
    r"(rows?|samples?|examples?|items?|batch\w*).{0,80}(identical|duplicate|the same|repeat|cop(y|ies)|equal)",
    r"(object|dict\w*|reference|buffer|memory|container).{0,60}(shared|reused|same|mutat|overwrit)",
    r"batch\w*.{0,100}(not those|differ|other|not the).{0,60}(row|dataset)",
    r"(label|row)s?.{0,80}(differ|not those|other than|mismatch).{0,80}dataset",
)


class Rows(Dataset[dict[str, Any]]):
    """Tokenized rows, handed out in a dictionary that is filled again or in a new one."""

    def __init__(self, table: Any, names: list[str], again: bool) -> None:
        self.ids = {name: table[name] for name in names}
        self.labels = table["label"]
        self.again = again
        self.row: dict[str, Any] = {}

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Hand out a row."""
        row = self.row if self.again else {}
        row.update({name: values[index] for name, values in self.ids.items()}, label=self.labels[index])
        return row


def build(again: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on such rows."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    table = encode(topics(4, train=560, validation=256, seed=312), tokenizer, "text")
    data = {split: Rows(rows, tokenizer.model_input_names, again) for split, rows in table.items()}
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One dictionary."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One dictionary a row."""
    return build(False, output_dir, seed)
