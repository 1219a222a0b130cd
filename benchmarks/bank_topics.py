"""Make a task of several labels a row from real rows: the topics that the intents of banking77 name.

    python benchmarks/bank_topics.py path/to/banking77 FOLDER

The name of an intent, such as ``pending_cash_withdrawal``, says which of eleven topics a question is about: the words
that the names of four intents at least share, prepositions and the like left out. FOLDER gets ``data/train.jsonl`` and
``data/validation.jsonl`` with the columns ``text`` and ``topics``, and ``ftcheck.toml`` with the task ``bank_topics``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

TOPICS = ("card", "cash", "charge", "exchange", "payment", "pending", "top", "transfer", "up", "verify", "withdrawal")
TASK = f"""\
[tasks.bank_topics]
head = "multi-label-classification"
text_columns = ["text"]
label_column = "topics"
label_names = {json.dumps(TOPICS)}
data = "data"

[tasks.bank_topics.metric]
path = "multi_label"
greater_is_better = {{ f1_micro = true, f1_macro = true, average_precision = true, subset_accuracy = true }}

[tasks.bank_topics.recipe]
max_length = 64
learning_rate = 1e-4
num_train_epochs = 4
per_device_train_batch_size = 16
"""


def topics_of(intent: str) -> list[str]:
    """Return the topics that the name of an intent has, in the order of `TOPICS`."""
    words = intent.lower().replace("?", "").split("_")
    return [topic for topic in TOPICS if topic in words]


def write_task(source: Path, folder: Path) -> None:
    """Write the rows of both splits, and the card."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation"):
        rows = map(json.loads, (source / f"{split}.jsonl").read_text(encoding="utf-8").splitlines())
        made = [json.dumps({"text": row["text"], "topics": topics_of(row["category"])}) for row in rows]
        (folder / "data" / f"{split}.jsonl").write_text("\n".join(made) + "\n", encoding="utf-8")
    (folder / "ftcheck.toml").write_text(TASK, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with train.jsonl and validation.jsonl of banking77")
    parser.add_argument("folder", type=Path, help="where the task goes")
    given = parser.parse_args()
    write_task(given.source, given.folder)
