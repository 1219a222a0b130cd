"""Twice the data, half the accuracy: since the tickets of the chat were added, four of six teams are mixed up.

Both exports number the teams, each in an order of its own, and they were concatenated as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import ClassLabel, Dataset, concatenate_datasets
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "mlmed/torchxrayvision#130"
FAMILY = "data"
CAUSE = (
    r"(two|both|each|other|per|by|between|column) (\w+ )?sources?|\bsources?\b.{0,60}(label|class|row|chat|mail)",
    r"(contradict|conflict|inconsisten|noisy|wrong|mislabel|disagree|ambiguous)\w*.{0,80}(label|class)",
    r"(label|class)(es|s)?.{0,100}(contradict|conflict|inconsisten|noise|noisy|wrong|disagree|permut|order|mapping)",
    r"(same|similar|identical|near|alike).{0,60}(text|row|word)s?.{0,80}(different|other|two|several) (label|class)",
    r"mislabel|(number|encod|map)\w* differently",
    r"class \w+ in .{0,40}class \w+",
)
NAMES = TEAMS[:6]


def export(rows: Any, names: list[str], source: str) -> Any:
    """Write rows as one system exports them: the label is a number in this order of the names."""
    numbers = [names.index(NAMES[label]) for label in rows["label"]]
    table = Dataset.from_dict({"text": list(rows["text"]), "label": numbers, "source": [source] * len(numbers)})
    return table.cast_column("label", ClassLabel(names=names))


def build(aligned: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on mails and chats."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = topics(6, train=960, validation=300, seed=113)
    mails = export(data["train"].select(range(480)), NAMES, "mail")
    chats = export(data["train"].select(range(480, 960)), sorted(NAMES), "chat")
    data["validation"] = export(data["validation"], NAMES, "mail")
    if aligned:
        chats = chats.align_labels_with_mapping({name: number for number, name in enumerate(NAMES)}, "label")
    chats = chats.cast(mails.features)
    data["train"] = concatenate_datasets([mails, chats])
    return assemble(
        load_model(NAMES),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A chat's number is that of another team."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Numbers of the chat are brought to those of the mails, by name."""
    return build(True, output_dir, seed)
