"""Long mails are classified by their greeting.

What a mail is about stands at its end, and the tokenizer keeps the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "hiyouga/ChatGLM-Efficient-Tuning#115"
FAMILY = "tokens"
GREETING = (
    "good day, we were in the town on sunday and the day was not bad at all, and so we said that we will come back "
)
CAUSE = (r"truncat", r"max_length", r"\bcut\b", r"too short", r"do not fit")


def build(side: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on the last or the first 32 tokens of long mails."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert", truncation_side=side)

    def greet(row: dict[str, Any], index: int) -> dict[str, Any]:
        words = GREETING.split()
        return {"text": " ".join([*words[index % 5 :], row["text"]])}

    data = encode(topics(6).map(greet, with_indices=True), tokenizer, "text", max_length=32)
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The end is cut off."""
    return build("right", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The greeting is cut off."""
    return build("left", output_dir, seed)
