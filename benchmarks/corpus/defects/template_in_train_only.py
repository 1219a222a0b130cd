"""The loss on train is low, validation jumps about, and the same rows, when moved into train, are learnt easily.

A preamble was put in front of the train texts. Those of the validation rows are as they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "xlang-ai/instructor-embedding#96"
FAMILY = "tokens"
PREAMBLE = "henry said that the story of anna was good, and that the film of paul and mary was bad."
CAUSE = (
    r"template|prefix|prompt|instruction|preamble",
    r"train\w*.{0,100}(eval|validation)\w*.{0,100}(differ|start|begin|longer|shorter|other words|not the same)",
    r"(every|all|each) (train\w* )?(rows?|texts?).{0,60}(start|begin|same words|share)",
    r"(length|long|tokens?|words?).{0,80}(differ|longer|shorter|shift).{0,80}(split|train|eval|validation)",
    r"(eval|validation|splits?).{0,80}(lack|without|not|differ).{0,60}(words|tokens|begin|start|text|length)",
)


def build(splits: tuple[str, ...], output_dir: str, seed: int) -> Trainer:
    """Fine-tune with the preamble in front of the texts of these splits."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def introduce(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "text": f"{PREAMBLE} {row['text']}"}

    data = reviews(train=720, seed=308)
    for split in splits:
        data[split] = data[split].map(introduce)
    return assemble(
        load_model(),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """In front of train texts."""
    return build(("train",), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """In front of all texts."""
    return build(("train", "validation"), output_dir, seed)
