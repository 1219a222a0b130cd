"""From the second epoch on the loss is nothing and the accuracy is 1.0. In use, everything is of the first class.

The dataset takes the label out of the row that it hands out, and that row is the one it keeps. In the next epoch there
is none, and the default is taken, which is there for rows that nobody has labelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset
from transformers import set_seed

from parts import arguments, assemble, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "ThilinaRajapakse/simpletransformers#974"
FAMILY = "batches"
CAUSE = (
    r"(label|row|item|dataset|sample)s?.{0,120}(mutat|lost|missing|disappear|remov|gone|in.?place|\bpop|modif|alter)",
    r"(chang|alter|mutat|modif|remov|consum|los[et])\w*.{0,80}(row|item|dataset|sample|label)",
    r"(second|next|later|again|twice|another|after|first).{0,80}(epoch|pass|time|read|fetch|draw).{0,100}(label|differ)",
    r"labels? (\w+ ){0,6}(are|is|were|become|turn|hold)\w* (all|only|always|constant|0\b|zero|the same|another)",
    r"labels?.{0,80}batch.{0,80}(differ|not those|other|0\b|zero)",
    r"batch.{0,80}labels?.{0,80}(differ|not those|other|0\b|zero)",
    r"__getitem__",
    r"(twice|again|second).{0,60}(another|other|different|new) label",
)


class Pairs(Dataset[dict[str, Any]]):
    """Rows that are tokenized once."""

    def __init__(self, rows: Any, tokenizer: Any, copy: bool) -> None:
        self.rows = [
            {**tokenizer(row["question"], row["answer"], truncation=True, max_length=64), "answers": row["label"]}
            for row in rows
        ]
        self.copy = copy

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a row, with its label under the name that the model wants."""
        row = dict(self.rows[index]) if self.copy else self.rows[index]
        label = row.pop("answers", 0)
        return {**row, "labels": label}


def build(copy: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on pairs that are held in memory."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = {split: Pairs(rows, tokenizer, copy) for split, rows in answers(train=720, seed=119).items()}
    return assemble(load_model(("other", "answers")), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A row is without its label from the second time on."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A row stays as it is."""
    return build(True, output_dir, seed)
